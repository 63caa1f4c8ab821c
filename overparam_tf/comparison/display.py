"""What a user sees of a comparison while it trains: progress on the terminal, TensorBoard."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from overparam_tf.comparison.runs import Curve, Run, point_steps, smoothed
from overparam_tf.comparison.settings import Settings
from overparam_tf.messages import print_to_stderr
from overparam_tf.progress import Progress

SECONDS_BETWEEN_LINES = 15.0
# Called with a run, the steps of its points so far, and their smoothed losses.
Follow = Callable[[Run, np.ndarray, np.ndarray], object]


class ProgressLines:
    """Progress as plain lines on standard error, one each 15 seconds.

    Args:
        quiet: Whether to print nothing.
    """

    def __init__(self, quiet: bool = False):
        self._quiet, self._last = quiet, time.monotonic()

    def __call__(self, progress: Progress) -> None:
        """Print a line if the last one is old."""
        now = time.monotonic()
        if not self._quiet and now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            losses = ", ".join(f"{name} {loss:.4g}" for name, loss in progress.losses.items())
            left = ""
            if progress.steps_here:
                pace = progress.seconds / progress.steps_here
                left = f", about {pace * (progress.steps - progress.step):,.0f} s left"
            print_to_stderr(
                f"compare_depths: {progress.step:,} of {progress.steps:,} steps{left}; {losses}"
            )


@contextlib.contextmanager
def progress_report(title: str, quiet: bool) -> Iterator[Callable[[Progress], object]]:
    """Open a block in which progress is shown: a live bar on TensorFlow, else plain lines."""
    if keras.backend.backend() != "tensorflow":  # other backends must do without it
        yield ProgressLines(quiet)
        return
    from overparam_tf.runlog import ProgressReport

    with ProgressReport(title, quiet) as report:
        yield report


def tensorboard_run(run: Run) -> str:
    """Return the TensorBoard run of a depth.

    Example:
        >>> tensorboard_run(Run("adam", 2, 0.1, 0))
        'depth 2'
    """
    return f"depth {run.depth}"


@contextlib.contextmanager
def tensorboard_follower(
    folder: str | os.PathLike | None, settings: Settings
) -> Iterator[Follow | None]:
    """Open a block with what writes the curve of each run to TensorBoard while it trains.

    The tag is `training/OPTIMIZER`, where the runs of a depth stand one behind the other.

    Args:
        folder: Where the event files go; None for none.
        settings: The settings.
    """
    if folder is None:
        yield None
        return
    try:
        from overparam_tf.runlog import LiveCurves, TensorBoardLog
    except ImportError:
        warnings.warn("without TensorFlow no curves go to TensorBoard", UserWarning, stacklevel=5)
        yield None
        return
    log = TensorBoardLog(folder)
    log.clear()
    with LiveCurves(log, [f"depth {depth}" for depth in settings.depths]) as curves:
        yield Chain(curves, settings.steps)


class Chain:
    """The curves of the runs of each optimizer and depth, one behind the other.

    Args:
        curves: Where they are written.
        steps: Steps of a run.
        tag: Begins the tag of each optimizer; default `"training/"`.
    """

    def __init__(self, curves: Any, steps: int, tag: str = "training/"):
        self._curves, self._steps, self._tag = curves, steps, tag
        self._known: dict[tuple[str, int], list[Run]] = defaultdict(list)

    def __call__(self, run: Run, steps: np.ndarray, losses: np.ndarray) -> None:
        """Write the points of a run that are new."""
        known = self._known[run.optimizer, run.depth]
        if run not in known:
            known.append(run)
        begin = self._steps * known.index(run)
        tag = f"{self._tag}{run.optimizer}"
        self._curves.add(tensorboard_run(run), tag, begin + steps, losses)
        self._curves.flush()


def follow_all(follow: Follow | None, curves: Mapping[Run, Curve], settings: Settings) -> None:
    """Show the curves of an earlier process."""
    for run, curve in curves.items():
        follow_one(follow, run, curve, settings)


def follow_one(follow: Follow | None, run: Run, curve: Curve, settings: Settings) -> None:
    """Show a curve as far as it goes."""
    if follow is not None and len(curve.losses):
        steps = point_steps(settings)[: len(curve.losses)]
        follow(run, steps, smoothed(curve.losses, settings.averaged_points))


def losses_shown(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the lowest last loss of each optimizer and depth so far."""
    lowest: dict[str, float] = {}
    for row in rows:
        name = f"{row['optimizer']}, depth {row['depth']}"
        loss = np.nan if row["final_loss"] is None else row["final_loss"]
        lowest[name] = float(np.fmin(lowest.get(name, np.nan), loss))
    return lowest
