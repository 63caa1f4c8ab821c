"""Reader of idx files of unsigned bytes, plain or gzipped: the format of the published MNIST.

A file is a header of big-endian numbers and then the values, last index fastest:

    0 0 8 N     four bytes: the magic number; 8 means unsigned bytes, N is the number of dimensions
    size        four bytes for each dimension
    values      one byte each
"""

from __future__ import annotations

import hashlib
import math
import struct
from pathlib import Path

import numpy as np

from overparam_tf.datasets.files import leading, read_bounded
from overparam_tf.errors import DataError

# Of a file, and of what it unpacks to; the largest published file has 47 MB.
MAX_BYTES = 256 << 20
_MAGIC = struct.Struct(">HBB")
_UNSIGNED_BYTE = 8


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Return the values of an idx file of unsigned bytes.

    A gzipped file is known by its content, whatever its name. No more of it is unpacked than its
    header announces.

    Args:
        path: The file.
        dimensions: Number of dimensions: 3 for images, 1 for labels.

    Returns:
        The values, a read-only uint8 array.

    Raises:
        DataError: If the file is not regular, empty, too large, truncated or longer than its header
            announces, if its magic number is another, or if its gzip data are damaged.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "labels")
        ...     _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
        ...     read_idx(file, 1).tolist()
        [7, 2, 1]
    """
    content = read_bounded(path, "an idx file", MAX_BYTES)
    shape = _shape(path, content, dimensions)
    size = math.prod(shape)
    product = f"{' x '.join(map(str, shape))} = {size} bytes"
    if not 0 < size <= MAX_BYTES:
        raise DataError(
            f"Expected 1 to {MAX_BYTES} bytes of values in {path}. "
            f"Received: a header that announces {product}"
        )
    start = _header_size(dimensions)
    values = leading(path, content, start + size + 1)  # one more, to see what is too long
    received = len(values) - start
    if received != size:
        raise DataError(
            f"Expected {product} of values in {path}, as its header announces. "
            f"Received: {'more' if received > size else received}"
        )
    return np.frombuffer(values, np.uint8, offset=start).reshape(shape)


def idx_sha256(array: np.ndarray) -> str:
    """Return the SHA-256 (hex) of the plain idx file that a uint8 array would have."""
    magic = _MAGIC.pack(0, _UNSIGNED_BYTE, array.ndim)
    digest = hashlib.sha256(magic + struct.pack(f">{array.ndim}I", *array.shape))
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _header_size(dimensions: int) -> int:
    return 4 + 4 * dimensions


def _shape(path: Path, content: bytes, dimensions: int) -> tuple[int, ...]:
    """Return the sizes that the header announces."""
    size = _header_size(dimensions)
    header = leading(path, content, size)
    magic, sizes = header[:4], header[4:]
    expected = _MAGIC.pack(0, _UNSIGNED_BYTE, dimensions)
    if magic != expected:
        kind = f"an idx file of unsigned bytes in {dimensions} dimension{'s' * (dimensions > 1)}"
        raise DataError(
            f"Expected the magic number {expected.hex()} of {kind} in {path}. "
            f"Received: {magic.hex()}"
        )
    if len(header) < size:
        raise DataError(f"Expected a header of {size} bytes in {path}. Received: {len(header)}")
    return struct.unpack(f">{dimensions}I", sizes)
