"""Whole files of bounded size, gzipped or not; what is wrong with one is an error of one line."""

from __future__ import annotations

import zlib
from pathlib import Path

from overparam_tf.errors import DataError

_GZIP = b"\x1f\x8b"


def read_bounded(path: Path, kind: str, max_bytes: int) -> bytes:
    """Return the content of a regular file of at most `max_bytes`.

    Args:
        path: The file.
        kind: The kind of file with its article, such as "an idx file", for the message.
        max_bytes: Largest size in bytes; a larger file is refused unread.

    Raises:
        DataError: If the path is no regular file, or the file is too large or cannot be read.
    """
    try:
        if not path.is_file():
            raise DataError(f"Expected {kind}. Received: {path}, which is no regular file")
        size = path.stat().st_size
        if size > max_bytes:
            raise DataError(
                f"Expected {kind} of at most {max_bytes} bytes. Received: {path} of {size} bytes"
            )
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"Could not read {path}: {error.strerror}.") from None


def leading(path: Path, content: bytes, size: int) -> bytes:
    """Return the first `size` bytes of a file's content, unpacked if it is gzipped.

    Gzipped content is known by its first bytes, whatever the file's name. Where the content is
    shorter all of it is returned; gzip data must then be complete, with the right checksum and
    nothing behind it.

    Args:
        path: The file, for the message.
        content: Its content.
        size: The most bytes to return; no more are unpacked.

    Raises:
        DataError: If the gzip data are damaged, truncated, or followed by something else.
    """
    if not content.startswith(_GZIP):
        return content[:size]
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # 16: the header and checksum of gzip
    try:
        unpacked = stream.decompress(content, size)
    except zlib.error as error:
        raise DataError(
            f"Expected intact gzip data in {path}. Received: damaged gzip data: {error}"
        ) from None
    if len(unpacked) < size and not stream.eof:
        raise DataError(
            f"Expected intact gzip data in {path}. Received: truncated gzip data: "
            f"{len(content)} bytes unpack to {len(unpacked)}"
        )
    if stream.unused_data:
        raise DataError(
            f"Expected nothing behind the gzip data in {path}. "
            f"Received: {len(stream.unused_data)} bytes"
        )
    return unpacked
