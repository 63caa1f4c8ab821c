"""Reader of npz files of unsigned bytes, such as Keras's mnist.npz, in bounded memory."""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO

import numpy as np

from overparam_tf.datasets.fetch import ZIP_DAMAGE, open_member
from overparam_tf.datasets.files import read_bounded
from overparam_tf.errors import DataError

MAX_BYTES = 256 << 20  # of a file, and of an array
_MAGIC = b"\x93NUMPY\x01\x00"  # two bytes with the length of the header follow
# A header as NumPy writes it. Python 2 wrote some integers with an L.
_HEADER = re.compile(
    rb"\{'descr': '\|u1', 'fortran_order': False, "
    rb"'shape': \((\d{1,10}L?(?:, \d{1,10}L?){0,7}),?\), \} *\n?"
)


def read_npz(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """Return the named uint8 arrays of an npz file.

    NumPy's own reader allocates whatever a header announces. Here an array that is announced larger
    than 256 MiB is refused, and no more is unpacked than was announced.

    Args:
        path: The file.
        names: Names of the arrays; others are ignored.

    Returns:
        The arrays by name, read-only.

    Raises:
        DataError: If the file is not regular, no zip archive or a damaged one, or if an array is
            missing, of another type than uint8 (pickled objects among them), not in C order, empty,
            too large, or not as long as announced.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "labels.npz")
        ...     np.savez_compressed(file, labels=np.array([7, 2, 1], np.uint8))
        ...     read_npz(file, ["labels"])["labels"].tolist()
        [7, 2, 1]
    """
    content = read_bounded(path, "an npz file", MAX_BYTES)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as source:
            members = {member.filename.removesuffix(".npy"): member for member in source.infolist()}
            missing = [name for name in names if name not in members]
            if missing:
                raise DataError(
                    f"Expected the arrays {', '.join(names)} in {path}. "
                    f"Missing: {', '.join(missing)}"
                )
            return {
                name: _read_member(source, members[name], f"{name} of {path}") for name in names
            }
    except DataError:
        raise
    except ZIP_DAMAGE as error:
        raise DataError(f"{path} is no npz file or a damaged one: {error!s:.100}.") from None


def _read_member(source: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> np.ndarray:
    with open_member(source, member) as stream:
        shape = _read_header(stream, where)
        size = math.prod(shape)
        product = f"{' x '.join(map(str, shape))} = {size} bytes"
        if not 0 < size <= MAX_BYTES:
            raise DataError(
                f"Expected 1 to {MAX_BYTES} bytes of values for {where}. "
                f"Received: a header that announces {product}"
            )
        values = stream.read(size + 1)
    if len(values) != size:
        raise DataError(
            f"Expected {product} of values for {where}, as its header announces. "
            f"Received: {'more' if len(values) > size else len(values)}"
        )
    return np.frombuffer(values, np.uint8).reshape(shape)


def _read_header(stream: IO[bytes], where: str) -> tuple[int, ...]:
    """Return the shape that the header of a member announces."""
    magic, length = stream.read(len(_MAGIC)), stream.read(2)
    if magic != _MAGIC:
        raise DataError(
            f"Expected an array in NumPy's format 1.0, {_MAGIC.hex()}, for {where}. "
            f"Received: {magic.hex()}"
        )
    header = stream.read(int.from_bytes(length, "little"))
    match = _HEADER.fullmatch(header)
    if not match:
        raise DataError(
            f"Expected an array of uint8 in C order for {where}. "
            f"Received: the header {header[:90]!r}"
        )
    return tuple(int(size.rstrip(b"L")) for size in match[1].split(b", "))
