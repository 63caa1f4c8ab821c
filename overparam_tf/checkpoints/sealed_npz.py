"""Arrays in one npz file with a checksum over all of it: read whole and undamaged, or not at all."""

from __future__ import annotations

import hashlib
import json
import math
import os
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from overparam_tf.atomic_files import write_npz
from overparam_tf.errors import DataError

# The array that holds step and facts, as JSON.
ABOUT = "checkpoint"
# A SHA-256 in hex over all other bytes of the file, kept in the zip archive's comment: its very last bytes.
SEAL_BYTES = 64
# Booleans, integers, floats, complex numbers, text. (Others, bfloat16 among them, an npz file does not bring back.)
KINDS = "biufcU"


def write_sealed(file: BinaryIO, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays, one of them `ABOUT`, into an open file, and the seal behind them."""
    write_npz(file, arrays, comment=b"0" * SEAL_BYTES)
    content = file.seek(0, os.SEEK_END) - SEAL_BYTES
    seal = _sha256(file, content)
    file.seek(content)
    file.write(seal)


def _sha256(file: BinaryIO, size: int) -> bytes:
    """SHA-256 in hex over the first `size` bytes."""
    digest = hashlib.sha256()
    file.seek(0)
    while size > 0 and (block := file.read(min(size, 1 << 20))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest().encode()


def read_sealed(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What a checkpoint says of itself (step and facts), and its arrays.

    Raises:
        DataError: if the file is damaged.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            seal = _sha256(file, size - SEAL_BYTES)
            if file.read() != seal:
                raise ValueError("its checksum is wrong")
            arrays = _read_arrays(file, size)
        about = json.loads(str(arrays.pop(ABOUT)))
        if path.name != f"step-{about['step']:012d}.npz" or not isinstance(about["facts"], dict):
            raise ValueError("its name is not that of its step")
    except Exception as error:  # with a right checksum: a crafted file, and zip and npy readers raise what they like
        raise DataError(
            f"Expected a checkpoint in {path}. Received a damaged file: {_one_line(error)}."
        ) from None
    return about, arrays


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _read_arrays(file: BinaryIO, size: int) -> dict[str, np.ndarray]:
    """The arrays of an npz file of `size` bytes; no more memory is asked for than the file has bytes, and the copy."""
    arrays = {}
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > size:
            raise ValueError("its members are larger than itself")
        for member in members:
            if member.compress_type != zipfile.ZIP_STORED or not member.filename.endswith(".npy"):
                raise ValueError(f"{member.filename!r} is no array of a checkpoint")
            with archive.open(member) as stream:
                arrays[member.filename.removesuffix(".npy")] = _read_array(stream)
    return arrays


def _read_array(stream: BinaryIO) -> np.ndarray:
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("another version of npy")
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # on headers that are no Python literal: they end in an exception anyway
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in KINDS:
        raise ValueError(f"an array of dtype {dtype}")
    content = stream.read()
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"{len(content)} bytes for an array {dtype} of shape {shape}")
    return np.ndarray(shape, dtype, content, order="F" if fortran_order else "C").copy(order="K")
