"""Checkpoints of a long run: atomic, checksummed, the last few kept, never of another run."""

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
from overparam_tf.checkpoints.sealed_npz import ABOUT, KINDS, read_sealed, write_sealed
from overparam_tf.errors import DataError, InputError
from overparam_tf.messages import print_to_stderr

FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """What was saved: the step, the arrays by name, and the file they came from."""

    step: int
    arrays: dict[str, np.ndarray]
    path: Path


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
            raise InputError(
                f"Expected a number of checkpoints to keep >= 1. Received: keep={keep!r}"
            )
        try:
            # As JSON brings them back: tuples are lists, keys are text.
            self._facts = json.loads(
                json.dumps({**facts, "checkpoint format": FORMAT}, allow_nan=False)
            )
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
        if (
            isinstance(step, bool)
            or not isinstance(step, (int, np.integer))
            or not 0 <= step < 10**12
        ):
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
            raise InputError(
                f"Cannot make the checkpoint folder {self.folder}: {error.strerror}"
            ) from None
        write_atomically(path, lambda file: write_sealed(file, {ABOUT: about, **arrays}))
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
                about, arrays = read_sealed(path)
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
            raise InputError(
                f"Cannot read the checkpoint folder {self.folder}: {error.strerror}"
            ) from None
        return sorted(
            (path for path in paths if re.fullmatch(r"step-[0-9]{12}\.npz", path.name)),
            reverse=True,
        )

    def _unfinished(self) -> list[Path]:
        """What a kill in the midst of writing left behind."""
        return list(self.folder.glob(f".step-*.npz{TEMPORARY}"))

    @staticmethod
    def _remove(paths: Iterable[Path]) -> None:
        try:
            for path in paths:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(
                f"Cannot remove the old checkpoint {error.filename}: {error.strerror}"
            ) from None
