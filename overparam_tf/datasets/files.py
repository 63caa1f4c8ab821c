"""Whole files of bounded size; whatever is wrong with one is an error of one line."""

from __future__ import annotations

from pathlib import Path

from overparam_tf.errors import DataError


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
