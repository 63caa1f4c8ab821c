"""Files written whole or not at all, and npz archives whose bytes depend on their arrays alone."""

from __future__ import annotations

import contextlib
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from overparam_tf.checks import file_path, function, instance_of
from overparam_tf.errors import InputError, input_error

TEMPORARY = ".tmp"
# What json, pandas and NumPy raise on damaged files, and our code on files of other content. Sizes
# and depths of nesting that no sound file has end in a MemoryError or a RecursionError, which is a
# RuntimeError.
DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    MemoryError,
    RuntimeError,
)


def write_atomically(path: str | os.PathLike, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside `path`, force it to the disk, and only then give it its name.

    Whenever the process or the machine stops, `path` holds its earlier content or all of the new
    one. A killed process leaves a hidden file `.NAME.tmp`, which the next attempt overwrites.

    Args:
        path: The file. Its folder must exist.
        write: Writes the content into the open file, which can be read and sought too.

    Raises:
        InputError: If an argument is not as described, or the file cannot be written, such as on a
            full disk or in a read-only folder; no file is left behind then.
    """
    path = file_path("path", path)
    if not path.name:
        raise input_error("the path of a file for path", path=path)
    function("write", write)
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    try:
        # Removed first and made anew: a link in its place would be written through.
        temporary.unlink(missing_ok=True)
        with open(temporary, "x+b") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise InputError(
            f"Expected to write {path}. Received: {error.strerror or error}. What was saved before "
            "is intact; make room or choose another folder, and run it again."
        ) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_npz(
    file: BinaryIO,
    arrays: Mapping[str, np.ndarray],
    *,
    compress: bool = False,
    comment: bytes = b"",
) -> None:
    """Write arrays as `numpy.savez` does, but without times, which zip cannot hold before 1980.

    Args:
        file: An open file.
        arrays: The arrays by name; none of objects.
        compress: Make the file smaller, and slower to write; default False.
        comment: The zip archive's comment, the last bytes of the file; default empty.
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
    """Write arrays as a compressed npz file, atomically; see `write_atomically`."""
    write_atomically(path, lambda file: write_npz(file, arrays, compress=True))


def save_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file in UTF-8, atomically; see `write_atomically`.

    Raises:
        InputError: If the text is none, or the file cannot be written.
    """
    # What UTF-8 has not, such as a byte of a path that is none of its, is written as its escape,
    # which JSON reads back.
    content = instance_of("text", text, str).encode("utf-8", "backslashreplace")
    write_atomically(path, lambda file: file.write(content))


def _sync_folder(folder: Path) -> None:
    """Force the new name itself to the disk.

    Windows has no such call and cannot open folders.
    """
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
