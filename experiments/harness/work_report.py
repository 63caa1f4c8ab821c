"""Progress of work in pieces: a bar on a terminal, elsewhere a line now and then."""

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

    Use as a context manager; call it with a description of each piece of work before it begins.

    Args:
        title: The experiment's name.
        pieces: Number of pieces of work.
        done: How many of them are done already; default 0.
        quiet: Show nothing.
        console: Where to write; default standard error.
        seconds_between_lines: Least time between two lines where there is no terminal.
        is_live: Whether a thread moves the bar during a piece. Default False: it would take
            processor time from what is being measured.
    """

    def __init__(
        self,
        title: str,
        pieces: int,
        quiet: bool = False,
        console: Console | None = None,
        seconds_between_lines: float = 10.0,
        done: int = 0,
        is_live: bool = False,
    ):
        self._title, self._pieces, self._begun = title, pieces, done
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
            auto_refresh=is_live,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=pieces, completed=done)

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
            count = f" ({self._begun} of {self._pieces})"
            self._console.print(line + count, highlight=False, markup=False)
