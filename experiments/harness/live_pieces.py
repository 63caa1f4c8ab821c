"""What TensorBoard shows of a run in pieces while it goes on, until the board at its end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.harness.tensorboard import Line
from overparam_tf.runlog import LiveCurves, RunFolder, TensorBoardLog
from overparam_tf.runlog.tensorboard import CHARTS

# Since the command began, over the number of pieces that are done.
MINUTES = "progress/minutes by pieces done"


@dataclass(frozen=True)
class LiveLines:
    """The lines that the results of pieces have.

    Attributes:
        runs: The TensorBoard runs of the lines, in the order of their colours.
        of: Returns the lines of one result, which later results do not change.
    """

    runs: Sequence[str]
    of: Callable[[Any], Iterable[Line]]


NO_LINES = LiveLines((), lambda result: ())


@contextlib.contextmanager
def live_pieces(
    folder: RunFolder, lines: LiveLines = NO_LINES
) -> Iterator[Callable[[int, Iterable[Any]], None]]:
    """Open a block in which pieces are shown as they are done.

    Args:
        folder: The run folder; event files of an earlier attempt are removed.
        lines: The lines of results; default none.

    Yields:
        A function to be called with the number of pieces that are done and with new results.
    """
    log, began = TensorBoardLog(folder.path), time.monotonic()
    log.clear()
    with LiveCurves(log, [*lines.runs, CHARTS]) as curves:

        def show(done: int, results: Iterable[Any]) -> None:
            for result in results:
                for line in lines.of(result):
                    curves.add(line.run, line.chart, *line.curve)
            curves.add(CHARTS, MINUTES, [done], [(time.monotonic() - began) / 60])
            curves.flush()

        yield show
