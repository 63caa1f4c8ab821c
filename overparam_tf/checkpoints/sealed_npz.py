"""Arrays in one npz file with a checksum over all of it: read whole and undamaged, or refused."""

from __future__ import annotations

import hashlib
import json
import math
import os
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from overparam_tf.atomic_files import write_npz
from overparam_tf.errors import DataError, words_of

# The array that holds the step and the identity of the run, as JSON.
ABOUT = "checkpoint"
# The keys of that JSON. The second has been `facts` since the first version of the format.
STEP, IDENTITY = "step", "facts"
# A SHA-256 in hex over all other bytes of the file, in the zip archive's comment: its last bytes.
SEAL_BYTES = 64
# Booleans, integers, floats, complex numbers, text. (An npz file does not return other types, such
# as bfloat16, as they were.)
KINDS = "biufcU"
_BLOCK_BYTES = 1 << 20


def write_sealed(file: BinaryIO, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays, one of them `ABOUT`, into an open file, and the seal behind them."""
    write_npz(file, arrays, comment=b"0" * SEAL_BYTES)
    content = file.seek(0, os.SEEK_END) - SEAL_BYTES
    seal = _sha256(file, content)
    file.seek(content)
    file.write(seal)


def read_sealed(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return step and identity of a checkpoint (by `STEP` and `IDENTITY`), and its arrays.

    Raises:
        DataError: If the file is damaged.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            seal = _sha256(file, size - SEAL_BYTES)
            if file.read() != seal:
                raise ValueError("its checksum is wrong")
            arrays = _read_arrays(file, size)
        about = json.loads(str(arrays.pop(ABOUT)))
        if path.name != f"step-{about[STEP]:012d}.npz" or not isinstance(about[IDENTITY], dict):
            raise ValueError("its name is not that of its step")
    # A crafted file may have a right checksum, and readers of zip and npy raise errors of any type.
    except Exception as error:
        raise DataError(
            f"Expected a checkpoint in {path}. Received a damaged file: {words_of(error, 200)}."
        ) from None
    return about, arrays


def _sha256(file: BinaryIO, size: int) -> bytes:
    """Return a SHA-256 in hex over the first `size` bytes."""
    digest = hashlib.sha256()
    file.seek(0)
    while size > 0 and (block := file.read(min(size, _BLOCK_BYTES))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest().encode()


def _read_arrays(file: BinaryIO, size: int) -> dict[str, np.ndarray]:
    """Return the arrays of an npz file of `size` bytes.

    Memory is requested for no more than the bytes of the file, and for the copy.
    """
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


def _read_array(stream: IO[bytes]) -> np.ndarray:
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("another version of npy")
    with warnings.catch_warnings():
        # On headers that are no Python literal; they end in an exception anyway.
        warnings.simplefilter("ignore")
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in KINDS:
        raise ValueError(f"an array of dtype {dtype}")
    content = stream.read()
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"{len(content)} bytes for an array {dtype} of shape {shape}")
    return np.ndarray(shape, dtype, content, order="F" if fortran_order else "C").copy(order="K")
