"""Progress of a long run: a live bar and each variant's loss on a terminal, plain periodic lines elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

SECONDS_BETWEEN_LINES = 15.0
# Drawing the live display takes 3 ms of a processor each time: .6 % of one.
REFRESHES_A_SECOND = 2


class ProgressReport:
    """Shows steps, rate, time left and the current loss of each variant at its best rate.

    Use as a context manager; call it with each `overparam_tf.progress.Progress`.

    Args:
        title: what is running.
        quiet: show nothing.
        console: where to write; default standard error.
    """

    def __init__(self, title: str, quiet: bool = False, console: Console | None = None):
        self._console = console or Console(stderr=True, quiet=quiet, soft_wrap=True)
        self._title = title
        self._last_line = time.monotonic()
        self._first: tuple[int, float] | None = None
        self._live = None
        if self._console.is_terminal and not quiet:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(None),
                TextColumn("{task.fields[facts]}"),
            )
            self._bar = Progress(*columns, TimeRemainingColumn(), console=self._console)
            self._task = self._bar.add_task(title, total=None, facts="compiling")
            self._live = Live(
                self._bar, console=self._console, refresh_per_second=REFRESHES_A_SECOND
            )

    def __enter__(self):
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *exception):
        if self._live is not None:
            self._live.stop()

    def __call__(self, progress) -> None:
        """Takes in a `Progress`: step, steps, seconds, losses."""
        rate = self._rate(progress.step, progress.seconds)
        facts = f"{progress.step:,}/{progress.steps:,} steps" + (
            "" if rate is None else f", {rate:,.0f}/s"
        )
        if self._live is not None:
            self._bar.update(self._task, completed=progress.step, total=progress.steps, facts=facts)
            self._live.update(Group(self._bar, loss_columns(progress.losses)))
        elif (
            time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES
            or progress.step == progress.steps
        ):
            self._last_line = time.monotonic()
            left = "" if rate is None else f", {(progress.steps - progress.step) / rate:.0f} s left"
            line = f"{self._title}: {facts}{left}; {losses_line(progress.losses)}"
            self._console.print(line, highlight=False, markup=False)

    def _rate(self, step: int, seconds: float) -> float | None:
        """Steps a second since the first report, which came after the compiling."""
        if self._first is None:
            self._first = step, seconds
        steps, seconds = step - self._first[0], seconds - self._first[1]
        return steps / seconds if steps > 0 and seconds > 0 else None


def loss_columns(losses: Mapping[str, float]) -> Columns:
    """Every variant with its loss, as many beside one another as there is room for, the lowest in green."""
    best = best_variant(losses)
    return Columns(
        [
            Text(f"{name}  {shown(loss)}", style="green" if name == best else "")
            for name, loss in losses.items()
        ],
        padding=(0, 3),
    )


def losses_line(losses: Mapping[str, float]) -> str:
    """Every variant with its loss, in a line, the lowest first.

    Example:
        >>> losses_line({"GD": 0.5, "Adam": 0.25, "wild": float("nan")})
        'Adam 0.25, GD 0.5, wild diverged'
    """
    order = sorted(
        losses, key=lambda name: losses[name] if math.isfinite(losses[name]) else math.inf
    )
    return ", ".join(f"{name} {shown(losses[name])}" for name in order)


def best_variant(losses: Mapping[str, float]) -> str | None:
    """The variant with the lowest loss; None if all have diverged."""
    finite = {name: loss for name, loss in losses.items() if math.isfinite(loss)}
    return min(finite, key=finite.get) if finite else None


def shown(loss: float) -> str:
    """A loss as a person reads it."""
    return f"{loss:.4g}" if math.isfinite(loss) else "diverged"
