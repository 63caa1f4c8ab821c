"""Reading a whole file that the user named: whatever is wrong with it is one line."""

from __future__ import annotations

from pathlib import Path

from overparam_tf.errors import DataError


def read_bounded(path: Path, kind: str, max_bytes: int) -> bytes:
    """Return the content of a regular file of at most max_bytes.

    Args:
        path: the file.
        kind: what it should be, with its article, for the message.
        max_bytes: a larger file is refused unread.

    Raises:
        DataError: no regular file, too large, or not readable.
    """
    try:
        if not path.is_file():
            raise DataError(f"Expected {kind}. Received: {path}, which is no regular file.")
        if (size := path.stat().st_size) > max_bytes:
            raise DataError(f"{path} has {size} bytes, {kind} at most {max_bytes}.")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"Could not read {path}: {error.strerror}.") from None
