"""Progress of a benchmark: which piece of its work has begun, drawn only between the pieces."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)


class WorkReport:
    """A bar on a terminal, and elsewhere a line now and then, on standard error.

    Use as a context manager; call it with a description of each piece of work before it begins. No
    thread refreshes the bar meanwhile: it would take processor time from what is being measured.

    Args:
        title: The benchmark's name.
        pieces: Number of pieces of work.
        quiet: Show nothing.
        console: Where to write; default standard error.
        seconds_between_lines: Least time between two lines where there is no terminal.
    """

    def __init__(
        self,
        title: str,
        pieces: int,
        quiet: bool = False,
        console: Console | None = None,
        seconds_between_lines: float = 10.0,
    ):
        self._title = title
        self._console = console or Console(stderr=True, soft_wrap=True)
        self._prints_lines = not quiet and not self._console.is_terminal
        self._seconds_between_lines = seconds_between_lines
        self._last_line = float("-inf")
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            auto_refresh=False,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=pieces)
        self._begun = 0

    def __enter__(self) -> WorkReport:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def __call__(self, work: str) -> None:
        """Show that a piece of work begins; those before it are done."""
        line = f"{self._title}: {work}"
        self._bar.update(self._task, description=line, completed=self._begun, refresh=True)
        self._begun += 1
        now = time.monotonic()
        if self._prints_lines and now - self._last_line >= self._seconds_between_lines:
            self._last_line = now
            self._console.print(line, highlight=False, markup=False)
