"""Progress of a long run: a live bar with each variant's loss on a terminal, else plain lines."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from overparam_tf.checks import boolean, text
from overparam_tf.progress import Progress

SECONDS_BETWEEN_LINES = 15.0
# Drawing the live display takes 3 ms of a processor each time, 0.6 % of one.
REFRESHES_A_SECOND = 2


class ProgressReport:
    """A display of steps, rate, time left and the loss of each variant at its best rate.

    It is a context manager, to be called with each `overparam_tf.progress.Progress`.

    Args:
        title: Name of the run.
        quiet: Whether to show nothing; default False.
        console: Console to write to; default None, standard error.
    """

    def __init__(self, title: str, quiet: bool = False, console: Console | None = None):
        self._title, quiet = text("title", title), boolean("quiet", quiet)
        self._console = console or Console(stderr=True, quiet=quiet, soft_wrap=True)
        self._last_line = time.monotonic()
        self._first: tuple[int, float] | None = None
        self._live: Live | None = None
        if self._console.is_terminal and not quiet:
            self._bar = Bar(
                TextColumn("{task.description}", markup=False),
                BarColumn(None),
                TextColumn("{task.fields[pace]}"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task(title, total=None, pace="compiling")
            self._live = Live(
                self._bar, console=self._console, refresh_per_second=REFRESHES_A_SECOND
            )

    def __enter__(self) -> ProgressReport:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *exception) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, progress: Progress) -> None:
        """Show the progress."""
        rate = self._rate(progress.step, progress.seconds)
        pace = f"{progress.step:,}/{progress.steps:,} steps"
        if rate is not None:
            pace += f", {rate:,.0f}/s"
        if self._live is not None:
            self._bar.update(self._task, completed=progress.step, total=progress.steps, pace=pace)
            self._live.update(Group(self._bar, loss_columns(progress.losses)))
        elif self._is_time_for_a_line(progress):
            self._last_line = time.monotonic()
            if rate is not None:
                pace += f", {(progress.steps - progress.step) / rate:.0f} s left"
            line = f"{self._title}: {pace}; {losses_line(progress.losses)}"
            self._console.print(line, highlight=False, markup=False)

    def _is_time_for_a_line(self, progress: Progress) -> bool:
        since = time.monotonic() - self._last_line
        return since >= SECONDS_BETWEEN_LINES or progress.step == progress.steps

    def _rate(self, step: int, seconds: float) -> float | None:
        """Return the steps a second since the first report; compiling ended before that."""
        if self._first is None:
            self._first = step, seconds
        first_step, first_seconds = self._first
        steps, seconds = step - first_step, seconds - first_seconds
        return steps / seconds if steps > 0 and seconds > 0 else None


def loss_columns(losses: Mapping[str, float]) -> Columns:
    """Return every variant with its loss, in as many columns as fit, the lowest in green."""
    best = best_variant(losses)
    return Columns(
        [
            Text(f"{name}  {loss_text(loss)}", style="green" if name == best else "")
            for name, loss in losses.items()
        ],
        padding=(0, 3),
    )


def losses_line(losses: Mapping[str, float]) -> str:
    """Return every variant with its loss in one line, the lowest first.

    Example:
        >>> losses_line({"GD": 0.5, "Adam": 0.25, "wild": float("nan")})
        'Adam 0.25, GD 0.5, wild diverged'
    """
    order = sorted(
        losses, key=lambda name: losses[name] if math.isfinite(losses[name]) else math.inf
    )
    return ", ".join(f"{name} {loss_text(losses[name])}" for name in order)


def best_variant(losses: Mapping[str, float]) -> str | None:
    """Return the variant with the lowest loss; None if all have diverged."""
    finite = {name: loss for name, loss in losses.items() if math.isfinite(loss)}
    return min(finite, key=finite.__getitem__) if finite else None


def loss_text(loss: float) -> str:
    """Return a loss in four digits, or "diverged"."""
    return f"{loss:.4g}" if math.isfinite(loss) else "diverged"
