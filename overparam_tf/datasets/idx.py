"""Parser of idx files of unsigned bytes, plain or gzipped: the format in which MNIST was published.

A file is a header of big-endian numbers and then the values, last index fastest:

    0 0 8 N     four bytes: the magic number; 8 means unsigned bytes, N is the number of dimensions
    size        four bytes for each dimension
    values      one byte each
"""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from overparam_tf.datasets.files import read_bounded
from overparam_tf.errors import DataError

MAX_BYTES = 256 << 20  # of a file, and of what it unpacks to; the largest published file has 47 MB
_MAGIC = struct.Struct(">HBB")
_UNSIGNED_BYTE = 8
_GZIP = b"\x1f\x8b"


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read an idx file of unsigned bytes.

    A gzipped file is known by its content, whatever its name. No more of it is unpacked than its header announces.

    Args:
        path: the file.
        dimensions: expected number of dimensions, 3 for images, 1 for labels.

    Returns:
        The values, a read-only uint8 array.

    Raises:
        DataError: no regular file, empty or too large, another magic number, truncated, longer than its header
            announces, or damaged gzip data.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "labels")
        ...     _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
        ...     read_idx(file, 1).tolist()
        [7, 2, 1]
    """
    content = read_bounded(path, "an idx file", MAX_BYTES)
    start = 4 + 4 * dimensions
    header = _leading(path, content, start)
    expected = _MAGIC.pack(0, _UNSIGNED_BYTE, dimensions)
    if header[:4] != expected:
        kind = f"of an idx file of unsigned bytes in {dimensions} dimension{'s' * (dimensions > 1)}"
        raise DataError(
            f"{path}: expected the magic number {expected.hex()} {kind}. Received: {header[:4].hex()}"
        )
    if len(header) < start:
        raise DataError(
            f"{path} is truncated: expected a header of {start} bytes. Received: {len(header)}"
        )
    shape = struct.unpack(f">{dimensions}I", header[4:])
    size = math.prod(shape)
    announced = (
        f"{path}: its header announces {' x '.join(map(str, shape))} = {size} bytes of values"
    )
    if not 0 < size <= MAX_BYTES:
        raise DataError(f"{announced}. Allowed: 1 to {MAX_BYTES}")
    end = start + size
    values = _leading(path, content, end + 1)
    if len(values) != end:
        raise DataError(
            f"{announced}. Received: {'more' if len(values) > end else len(values) - start}"
        )
    return np.frombuffer(values, np.uint8, offset=start).reshape(shape)


def idx_sha256(array: np.ndarray) -> str:
    """Return the SHA-256 (hex) of the plain idx file of a uint8 array, which need not come from one."""
    header = _MAGIC.pack(0, _UNSIGNED_BYTE, array.ndim) + struct.pack(
        f">{array.ndim}I", *array.shape
    )
    digest = hashlib.sha256(header)
    digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _leading(path: Path, content: bytes, size: int) -> bytes:
    """Return the first `size` bytes of a file's content, unpacked if it is gzipped; all of it if there are fewer.

    In the latter case the gzip data must be complete, with the right checksum and nothing behind it.
    """
    if not content.startswith(_GZIP):
        return content[:size]
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # 16: the header and checksum of gzip
    try:
        unpacked = stream.decompress(content, size)
    except zlib.error as error:
        raise DataError(f"{path}: damaged gzip data: {error}.") from None
    if len(unpacked) < size and not stream.eof:
        raise DataError(
            f"{path}: truncated gzip data: {len(content)} bytes unpack to {len(unpacked)}."
        )
    if stream.unused_data:
        raise DataError(
            f"{path}: expected nothing behind the gzip data. Received: {len(stream.unused_data)} bytes"
        )
    return unpacked
