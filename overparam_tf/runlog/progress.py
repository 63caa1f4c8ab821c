"""Progress of a long run: a live bar on a terminal, plain periodic lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 15.0


class ProgressReport:
    """Shows steps, rate, time left and the best current loss of each variant.

    Use as a context manager; call it with each `overparam_tf.sweep.Progress`.

    Args:
        title: what is running.
        quiet: show nothing.
        console: where to write; default standard error.
    """

    def __init__(self, title: str, quiet: bool = False, console: Console | None = None):
        self._console = console or Console(stderr=True, quiet=quiet, soft_wrap=True)
        self._title = title
        self._last_line = time.monotonic()
        self._bar = None
        if self._console.is_terminal and not quiet:
            columns = TextColumn("{task.description}"), BarColumn(None), TextColumn("{task.fields[facts]}")
            self._bar = Progress(*columns, TimeRemainingColumn(), console=self._console)
            self._task = self._bar.add_task(title, facts="compiling")

    def __enter__(self):
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exception):
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, progress) -> None:
        """Takes in a `Progress`: step, steps, seconds, losses, steps_here."""
        rate = progress.steps_here / max(progress.seconds, 1e-9)
        facts = f"{progress.step:,}/{progress.steps:,} steps, {rate:,.0f}/s, {best_loss(progress.losses)}"
        if self._bar is not None:
            self._bar.update(self._task, completed=progress.step, total=progress.steps, facts=facts)
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES or progress.step == progress.steps:
            self._last_line = time.monotonic()
            left = (progress.steps - progress.step) / rate
            self._console.print(f"{self._title}: {facts}, {left:.0f} s left", highlight=False, markup=False)


def best_loss(losses: Mapping[str, float]) -> str:
    """The variant with the lowest current loss, and that loss."""
    finite = {name: loss for name, loss in losses.items() if loss == loss}
    if not finite:
        return "every run has diverged"
    name = min(finite, key=finite.get)
    return f"best {finite[name]:.4g} ({name})"
