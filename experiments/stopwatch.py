"""Where the time of a program goes, by kinds of work: functions are wrapped, and what is left is the program's own."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

# What passes by the clock on the wall, and what all threads of this process together were at work.
CLOCKS = (time.perf_counter, time.process_time)


class Stopwatch:
    """Seconds by kind of work, by each clock; work within other work counts for its own kind alone.

    To be used by one thread.

    Args:
        clocks: functions that return seconds.

    Attributes:
        seconds: kind of work -> seconds by each clock.

    Example: a clock that one sets by hand.

        >>> now = 0
        >>> watch = Stopwatch([lambda: now])
        >>> with watch.timed("outer"):
        ...     now = 5
        ...     with watch.timed("inner"):
        ...         now = 7
        ...     now = 8
        >>> {kind: seconds.tolist() for kind, seconds in watch.seconds.items()}
        {'outer': [6], 'inner': [2]}
    """

    def __init__(self, clocks: Sequence[Callable[[], float]] = CLOCKS):
        self._clocks = clocks
        self._doing: list[str] = []
        self._since = self._now()
        self.seconds: dict[str, np.ndarray] = {}

    @contextlib.contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        """Counts what is done under it for `kind`."""
        self._count()
        self._doing.append(kind)
        self.seconds.setdefault(kind, 0 * self._since)
        try:
            yield
        finally:
            self._count()
            self._doing.pop()

    @contextlib.contextmanager
    def watching(self, functions: Sequence[tuple[Any, str, str]]) -> Iterator[None]:
        """Times functions wherever they are called.

        Args:
            functions: (class or module, name of the function in it, kind of work).
        """
        with contextlib.ExitStack() as stack:
            for owner, name, kind in functions:
                original = getattr(owner, name)
                stack.callback(setattr, owner, name, original)
                setattr(owner, name, self._wrapped(original, kind))
            yield

    def _wrapped(self, function: Callable, kind: str) -> Callable:
        @functools.wraps(function)
        def timed(*args, **kwargs):
            with self.timed(kind):
                return function(*args, **kwargs)

        return timed

    def _now(self) -> np.ndarray:
        return np.array([clock() for clock in self._clocks])

    def _count(self) -> None:
        """Counts the time since the last change for the work in progress."""
        now = self._now()
        if self._doing:
            self.seconds[self._doing[-1]] = self.seconds[self._doing[-1]] + now - self._since
        self._since = now
