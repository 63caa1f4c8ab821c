"""The checkpoints of one run in one folder: saved, found, checked against the run, removed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from overparam_tf.atomic_files import TEMPORARY, write_atomically
from overparam_tf.checkpoints.difference import first_difference
from overparam_tf.checkpoints.sealed_npz import (
    ABOUT,
    IDENTITY,
    KINDS,
    STEP,
    read_sealed,
    write_sealed,
)
from overparam_tf.checks import file_path, function, positive_int, whole_number
from overparam_tf.errors import DataError, InputError, input_error
from overparam_tf.messages import print_to_stderr

FORMAT = 1
MOST_STEPS = 10**12 - 1  # twelve digits in the name of a file


@dataclass(frozen=True)
class Checkpoint:
    """A saved state.

    Attributes:
        step: The number of steps done.
        arrays: The arrays by name.
        path: The file.
    """

    step: int
    arrays: dict[str, np.ndarray]
    path: Path


class Checkpoints:
    """The last few checkpoints of one run, in one folder.

    A checkpoint is one uncompressed npz file, `step-000000012000.npz`, that numpy can read without
    pickle. It is written whole or not at all, whenever the process is killed. Its last bytes are a
    SHA-256 over all others, and nothing of a file is read before that is found right. Files are
    ordered by the step in their names, never by a clock.

    Args:
        folder: Where the files go. It is made with the first of them.
        identity: What must be equal for a checkpoint to be continued, JSON-ready: settings, the
            data's checksum, versions.
        keep: Number of checkpoints to keep, >= 1; default 2.

    Attributes:
        folder: The folder.

    Raises:
        InputError: If an argument is not as described.

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

    def __init__(self, folder: str | os.PathLike, identity: Mapping[str, Any], keep: int = 2):
        self.folder = file_path("folder", folder)
        self._identity = _as_json(identity)
        self._keep = positive_int("keep", keep)

    def save(self, step: int, arrays: Mapping[str, np.ndarray]) -> Path:
        """Write a checkpoint, then remove all but the last `keep`.

        Steps only grow, so that files of later steps are those that `newest` found damaged; they
        are removed too.

        Args:
            step: Number of steps done, >= 0.
            arrays: Everything that the run needs to continue, by name: booleans, numbers or text,
                of any shape.

        Returns:
            The new file.

        Raises:
            InputError: If an argument is not as described, or the file cannot be written, such as
                on a full disk. The earlier checkpoints are then as they were.
        """
        step = whole_number("step", step, most=MOST_STEPS)
        if not isinstance(arrays, Mapping):
            raise input_error("a mapping of names to arrays", arrays=arrays)
        checked = {name: _checked(name, array) for name, array in arrays.items()}
        about = np.array(json.dumps({STEP: step, IDENTITY: self._identity}))
        path = self.folder / f"step-{step:012d}.npz"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"Expected to make the checkpoint folder {self.folder}. Received: {error.strerror}"
            ) from None
        write_atomically(path, lambda file: write_sealed(file, {ABOUT: about, **checked}))
        newest_first = self._files()
        first = newest_first.index(path)
        kept = newest_first[first : first + self._keep]
        self._remove(file for file in (*newest_first, *self._unfinished()) if file not in kept)
        return path

    def newest(self, report: Callable[[str], object] = print_to_stderr) -> Checkpoint | None:
        """Return the newest undamaged checkpoint, or None without one.

        Args:
            report: Called with one line for every newer file that is damaged; default prints to
                standard error.

        Raises:
            InputError: If the checkpoint is of another run; the line names the first difference.
        """
        function("report", report)
        for path in self._files():
            try:
                about, arrays = read_sealed(path)
            except DataError as error:
                report(f"{error} Looking for an earlier one.")
                continue
            difference = first_difference(self._identity, about[IDENTITY], "in the checkpoint")
            if difference is not None:
                raise InputError(
                    f"Expected a checkpoint of this run in {path}. Received one of another run: "
                    f"{difference}. Choose another name or folder"
                )
            return Checkpoint(about[STEP], arrays, path)
        return None

    def clear(self) -> None:
        """Remove all checkpoints, and the folder if nothing else is in it."""
        self._remove((*self._files(), *self._unfinished()))
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _files(self) -> list[Path]:
        """Return the checkpoints, newest first: their names are equally long, with the step."""
        try:
            paths = list(self.folder.iterdir()) if self.folder.exists() else []
        except OSError as error:
            raise InputError(
                f"Expected to read the checkpoint folder {self.folder}. Received: {error.strerror}"
            ) from None
        steps = (path for path in paths if re.fullmatch(r"step-[0-9]{12}\.npz", path.name))
        return sorted(steps, reverse=True)

    def _unfinished(self) -> list[Path]:
        """Return files left behind by a process that was killed while it wrote them."""
        return list(self.folder.glob(f".step-*.npz{TEMPORARY}"))

    @staticmethod
    def _remove(paths: Iterable[Path]) -> None:
        try:
            for path in paths:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(
                f"Expected to remove the old checkpoint {error.filename}. "
                f"Received: {error.strerror}"
            ) from None


def _as_json(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return an identity as JSON reads it back: with lists for tuples, and texts as keys."""
    if not isinstance(identity, Mapping):
        raise input_error("a mapping for identity", identity=identity)
    try:
        text = json.dumps({**identity, "checkpoint format": FORMAT}, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"Expected an identity that JSON can hold. Received: {error}") from None
    return json.loads(text)


def _checked(name: object, values: object) -> np.ndarray:
    """Return an array that a checkpoint can hold under this name."""
    array = np.asarray(values)
    is_name = isinstance(name, str) and name.isprintable() and name not in ("", ABOUT)
    if not is_name or array.dtype.kind not in KINDS:
        raise InputError(
            "Expected arrays of booleans, numbers or text, under printable names other than "
            f"{ABOUT!r}. Received: {name!r} of dtype {array.dtype}"
        )
    return array
