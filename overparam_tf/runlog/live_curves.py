"""Curves for TensorBoard that grow while a run is training."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from overparam_tf.errors import InputError
from overparam_tf.runlog.event_file import PATTERN, EventFile, read_summaries
from overparam_tf.runlog.tensorboard import TensorBoardLog

SECONDS_BETWEEN_FLUSHES = 1.0
# By folder and tag, increasing steps and their values.
EarlierCurves = Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]]


class LiveCurves:
    """The curves of several TensorBoard runs, as far as they go; a context manager.

    The files take the place of all that the runs had before, in a TensorBoard that is showing them
    too. They are those of the training alone: what is known only at its end is written then, in
    their place. So a file that cannot be written, on a full disk for example, ends these curves and
    not the training; if there is no room at its end either, that is an error then.

    Args:
        log: The log of the run folder, cleared.
        runs: Names of the TensorBoard runs, in the order in which TensorBoard colours them.
    """

    def __init__(self, log: TensorBoardLog, runs: Sequence[str]):
        self._log, self._runs = log, runs
        self._files: dict[str, EventFile] = {}
        self._last_steps: dict[tuple[str, str], int] = {}
        self._flushed_at = -np.inf
        self._is_writing = True

    def __enter__(self) -> LiveCurves:
        with contextlib.ExitStack() as stack:
            for run in self._runs:
                file = self._log.file(run, replaces=True)
                self._files[run] = stack.enter_context(file)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception) -> None:
        with contextlib.suppress(InputError):
            self._stack.__exit__(*exception)

    def add(self, run: str, tag: str, steps: npt.ArrayLike, values: npt.ArrayLike) -> None:
        """Write the points of a curve that are beyond its last one.

        Args:
            run: Name of the TensorBoard run.
            tag: The curve's tag.
            steps: Increasing steps.
            values: Their values; those that are not finite are left out.
        """
        numbers = np.asarray(steps)
        is_new = numbers > self._last_steps.get((run, tag), -1)
        if not (is_new.any() and self._is_writing):
            return
        try:
            self._files[run].scalars(tag, numbers[is_new].tolist(), np.asarray(values)[is_new])
        except InputError:
            self._is_writing = False
        self._last_steps[run, tag] = int(numbers.max())

    def flush(self, now: bool = False) -> None:
        """Let others read what was written, if the last time was a second ago.

        Args:
            now: Whether to do it however long that was ago; default False.
        """
        is_due = now or time.monotonic() - self._flushed_at >= SECONDS_BETWEEN_FLUSHES
        if not (is_due and self._is_writing):
            return
        try:
            for file in self._files.values():
                file.flush()
        except InputError:
            self._is_writing = False
        self._flushed_at = time.monotonic()


def read_curves(folder: Path) -> EarlierCurves:
    """Return the curves that an earlier process wrote: steps and values by folder and tag.

    Args:
        folder: The folder above those of the TensorBoard runs.
    """
    found: dict[str, dict[str, dict[int, float]]] = {}
    for path in sorted(folder.glob(f"*/{PATTERN}")):
        for step, value in read_summaries(path):
            if value.metadata.plugin_data.plugin_name not in ("scalars", ""):
                continue
            if value.tensor.float_val:
                (number,) = value.tensor.float_val
                found.setdefault(path.parent.name, {}).setdefault(value.tag, {})[step] = number
    return {
        run: {
            tag: (np.array(sorted(points)), np.array([points[step] for step in sorted(points)]))
            for tag, points in tags.items()
        }
        for run, tags in found.items()
    }
