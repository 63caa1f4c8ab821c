"""Times of several contestants measured in turns, so that what slows the machine for a while slows them all.

Each round gives every contestant one turn, in an order that moves on by one from round to round. A ratio is taken
within each round, where its two times were measured moments apart; what is reported is the median over the rounds.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Runs so many steps and returns the seconds they took together.
Contestant = Callable[[int], float]


def timed(
    step: Callable[[], Any],
    finish: Callable[[], Any] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Contestant:
    """A contestant that calls `step`.

    Args:
        step: one step.
        finish: called after the last step of a turn, to wait for devices that work on their own time.
        clock: in seconds.
    """

    def run(steps: int) -> float:
        start = clock()
        for _ in range(steps):
            step()
        if finish is not None:
            finish()
        return clock() - start

    return run


@dataclass(frozen=True)
class Spread:
    """Median, least and largest value over the rounds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Times:
    """What `interleave` measured.

    Attributes:
        seconds: contestant -> seconds of a step, an entry a round.
    """

    seconds: dict[str, np.ndarray]

    @property
    def rounds(self) -> int:
        """How many rounds there were."""
        return len(next(iter(self.seconds.values())))

    def of(self, name: str) -> Spread:
        """A contestant's seconds a step."""
        return _spread(self.seconds[name])

    def ratio(self, name: str, to: str) -> Spread:
        """Its time over that of another, round by round.

        Example:
            >>> times = Times({"a": np.array([2.0, 6.0, 4.0]), "b": np.array([1.0, 2.0, 2.0])})
            >>> times.ratio("a", to="b")
            Spread(median=2.0, low=2.0, high=3.0)
        """
        return _spread(self.seconds[name] / self.seconds[to])

    def fastest(self, names: Sequence[str]) -> str:
        """The one of least time, by the ratios to the first."""
        return min(names, key=lambda name: self.ratio(name, names[0]).median)


def _spread(values: np.ndarray) -> Spread:
    return Spread(*(float(f(values)) for f in (np.median, np.min, np.max)))


def interleave(
    contestants: Mapping[str, Contestant],
    seconds: float,
    least_rounds: int = 5,
    most_rounds: int = 50,
) -> Times:
    """Times all contestants in turns.

    Args:
        contestants: by name. Each runs twice, a step each time, before anything counts: the first time compiles.
        seconds: to spend, shared out equally. It takes longer only where `least_rounds` of one step each do.
        least_rounds: however slow they are.
        most_rounds: with more time, turns get longer, not more.
    """
    for run in contestants.values():
        run(1)
    once = {name: max(run(1), 1e-9) for name, run in contestants.items()}
    rounds = int(np.clip(seconds / sum(once.values()), least_rounds, most_rounds))
    turn = seconds / rounds / len(contestants)
    steps = {name: max(1, round(turn / once[name])) for name in contestants}
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for first in range(rounds):
        start = first % len(names)
        for name in names[start:] + names[:start]:
            taken[name].append(contestants[name](steps[name]) / steps[name])
    return Times({name: np.array(values) for name, values in taken.items()})


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
