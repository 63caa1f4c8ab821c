"""Checkpoints of a long run: atomic, checksummed, the last few kept, never of another run."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from overparam_tf._files import TEMPORARY, write_atomically, write_npz
from overparam_tf.errors import DataError, InputError

# The array that holds step and facts, as JSON.
ABOUT = "checkpoint"
FORMAT = 1
# A SHA-256 in hex over all other bytes of the file, kept in the zip archive's comment: its very last bytes.
SEAL_BYTES = 64
# Booleans, integers, floats, complex numbers, text. (Others, bfloat16 among them, an npz file does not bring back.)
KINDS = "biufcU"


@dataclass(frozen=True)
class Checkpoint:
    """What was saved: the step, the arrays by name, and the file they came from."""

    step: int
    arrays: dict[str, np.ndarray]
    path: Path


def print_to_stderr(line: str) -> None:
    """The default report."""
    print(line, file=sys.stderr)


class Checkpoints:
    """The last few checkpoints of one run, in one folder.

    A checkpoint is one uncompressed npz file, `step-000000012000.npz`, that numpy can read without pickle. It appears
    whole or not at all, whenever the process is killed. Its last bytes are a SHA-256 over all others, and nothing of a
    file is looked at before that is found right. Files are ordered by the step in their names, never by a clock.

    Args:
        folder: where the files go. It is made with the first of them.
        facts: what must be equal for a checkpoint to be continued, JSON-ready: settings, the data's checksum, versions.
        keep: how many to keep, >= 1.

    Raises:
        InputError: if `keep` or `facts` is not as described.

    Example:
        >>> import tempfile
        >>> checkpoints = Checkpoints(tempfile.mkdtemp(), {"rate": 0.1})
        >>> for step in (100, 200, 300):
        ...     path = checkpoints.save(step, {"w": np.arange(3.0) * step})
        >>> path.name
        'step-000000000300.npz'
        >>> newest = checkpoints.newest()
        >>> newest.step, newest.arrays["w"]
        (300, array([  0., 300., 600.]))
        >>> Checkpoints(path.parent, {"rate": 0.2}).newest()
        Traceback (most recent call last):
        overparam_tf.errors.InputError: ...rate: 0.2 now, 0.1 in the checkpoint...
    """

    def __init__(self, folder: str | os.PathLike, facts: Mapping[str, Any], keep: int = 2):
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 1:
            raise InputError(f"Expected a number of checkpoints to keep >= 1. Received: keep={keep!r}")
        try:
            # As JSON brings them back: tuples are lists, keys are text.
            self._facts = json.loads(json.dumps({**facts, "checkpoint format": FORMAT}, allow_nan=False))
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(f"Expected facts that JSON can hold. Received: {error}") from None
        self.folder = Path(folder)
        self._keep = keep

    def save(self, step: int, arrays: Mapping[str, np.ndarray]) -> Path:
        """Writes a checkpoint, then removes all but the last `keep`.

        Steps only grow, so files of later steps are ones that `newest` found damaged; they go too.

        Args:
            step: number of steps done, >= 0.
            arrays: everything that the run needs to continue; booleans, numbers or text, of any shape.

        Returns:
            The new file.

        Raises:
            InputError: if an argument is not as described, or the file cannot be written (disk full ..). The earlier
                checkpoints are then as they were.
        """
        if isinstance(step, bool) or not isinstance(step, (int, np.integer)) or not 0 <= step < 10**12:
            raise InputError(f"Expected a step from 0 to 10^12 - 1. Received: step={step!r}")
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
        for name, array in arrays.items():
            if (
                not isinstance(name, str)
                or not name.isprintable()
                or name in ("", ABOUT)
                or array.dtype.kind not in KINDS
            ):
                raise InputError(
                    f"Expected arrays of booleans, numbers or text, under names other than {ABOUT!r}. "
                    f"Received: {name!r} of dtype {array.dtype}"
                )
        about = np.array(json.dumps({"step": int(step), "facts": self._facts}))
        path = self.folder / f"step-{step:012d}.npz"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"Cannot make the checkpoint folder {self.folder}: {error.strerror}") from None
        write_atomically(path, lambda file: _write_sealed(file, {ABOUT: about, **arrays}))
        files = self._files()
        kept = files[files.index(path) :][: self._keep]
        self._remove(file for file in (*files, *self._unfinished()) if file not in kept)
        return path

    def newest(self, report: Callable[[str], None] = print_to_stderr) -> Checkpoint | None:
        """The newest undamaged checkpoint, or None where there is none.

        Args:
            report: called with one line for every newer file that is damaged; default: standard error.

        Raises:
            InputError: if the checkpoint is of another run; the line names the first fact that differs.
        """
        for path in self._files():
            try:
                about, arrays = _read_sealed(path)
            except DataError as error:
                report(f"{error} Looking for an earlier one.")
                continue
            difference = first_difference(self._facts, about["facts"], "in the checkpoint")
            if difference is not None:
                raise InputError(
                    f"The checkpoint {path} is of another run: {difference}. Choose another name or folder."
                )
            return Checkpoint(about["step"], arrays, path)
        return None

    def clear(self) -> None:
        """Removes all checkpoints, and the folder if nothing else is in it."""
        self._remove((*self._files(), *self._unfinished()))
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _files(self) -> list[Path]:
        """The checkpoints, newest first; equally long names, so that the order of the names is that of the steps."""
        try:
            paths = list(self.folder.iterdir()) if self.folder.exists() else []
        except OSError as error:
            raise InputError(f"Cannot read the checkpoint folder {self.folder}: {error.strerror}") from None
        return sorted((path for path in paths if re.fullmatch(r"step-[0-9]{12}\.npz", path.name)), reverse=True)

    def _unfinished(self) -> list[Path]:
        """What a kill in the midst of writing left behind."""
        return list(self.folder.glob(f".step-*.npz{TEMPORARY}"))

    @staticmethod
    def _remove(paths: Iterable[Path]) -> None:
        try:
            for path in paths:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"Cannot remove the old checkpoint {error.filename}: {error.strerror}") from None


def first_difference(ours: Any, theirs: Any, where: str, path: str = "") -> str | None:
    """The first difference of two JSON-like values in a few words, or None if they are equal.

    Args:
        ours: the value now.
        theirs: the other value.
        where: where the other one is, in words.
        path: the path to these values within larger ones.

    Example:
        >>> first_difference({"a": [1, 2]}, {"a": [1, 3]}, "before")
        'a[1]: 2 now, 3 before'
        >>> first_difference({"a": 1}, {"a": 1, "b": None}, "before")
        'b: nothing now, null before'
        >>> first_difference({"a": 1}, {"a": 1.0}, "before")
    """
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            inner = f"{path}.{key}" if path else str(key)
            if key not in ours or key not in theirs:
                mine, other = (_shown(value[key]) if key in value else "nothing" for value in (ours, theirs))
                return f"{inner}: {mine} now, {other} {where}"
            difference = first_difference(ours[key], theirs[key], where, inner)
            if difference is not None:
                return difference
        return None
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        differences = (
            first_difference(a, b, where, f"{path}[{index}]")
            for index, (a, b) in enumerate(zip(ours, theirs, strict=True))
        )
        return next((difference for difference in differences if difference is not None), None)
    return None if ours == theirs else f"{path}: {_shown(ours)} now, {_shown(theirs)} {where}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _write_sealed(file: BinaryIO, arrays: Mapping[str, np.ndarray]) -> None:
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


def _read_sealed(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
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
        raise DataError(f"Expected a checkpoint in {path}. Received a damaged file: {_one_line(error)}.") from None
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
        warnings.simplefilter("ignore")  # on headers that are no Python literal: they end in an exception anyway
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in KINDS:
        raise ValueError(f"an array of dtype {dtype}")
    content = stream.read()
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"{len(content)} bytes for an array {dtype} of shape {shape}")
    return np.ndarray(shape, dtype, content, order="F" if fortran_order else "C").copy(order="K")
