"""Files that are there whole or not at all, and npz archives whose bytes depend on their arrays alone."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from overparam_tf.errors import InputError

TEMPORARY = ".tmp"


def write_atomically(path: str | os.PathLike, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file beside `path`, forces it to the disk, and only then gives it its name.

    Whenever the process or the machine stops, `path` holds what it held before, or all of the new content. What a
    killed process leaves is a hidden file `.NAME.tmp`, which the next attempt overwrites.

    Args:
        path: the file. Its folder must exist.
        write: writes the content into the open file, which can be read and sought too.

    Raises:
        InputError: if the file cannot be written: disk full, a read-only folder ..; nothing is left behind.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    try:
        with open(temporary, "w+b") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror or error}. What was saved before is intact; make room or choose "
            "another folder, and run it again."
        ) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Forces the new name itself to the disk (Windows has no such call and cannot open folders)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_npz(
    file: BinaryIO,
    arrays: Mapping[str, np.ndarray],
    *,
    compress: bool = False,
    comment: bytes = b"",
) -> None:
    """Writes arrays as `numpy.savez` does, but without times, which zip cannot hold before 1980.

    Args:
        file: an open file.
        arrays: the arrays by name; none of objects.
        compress: make the file smaller, and slower to write.
        comment: the zip archive's comment: the last bytes of the file.
    """
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = comment
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            member.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
            with archive.open(member, "w", force_zip64=True) as stream:
                np.lib.format.write_array(
                    stream, np.asarray(array), version=(1, 0), allow_pickle=False
                )


def save_npz(path: str | os.PathLike, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays as a compressed npz file, atomically."""
    write_atomically(path, lambda file: write_npz(file, arrays, compress=True))


def save_text(path: str | os.PathLike, text: str) -> None:
    """Writes a text file in UTF-8, atomically."""
    write_atomically(path, lambda file: file.write(text.encode("utf-8")))
