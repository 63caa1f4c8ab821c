"""Two ways to measure time: contestants in turns, and the shares that kinds of work have in a run.

`interleave` compares contestants on a machine that is not quiet. Each round gives every contestant
one turn, in an order that moves on by one from round to round. A ratio is taken within each round,
where its two times were measured moments apart; what is reported is the median over the rounds.
Whatever slows the machine down for a while slows all contestants down and cancels.

`Stopwatch` divides the time of one run among kinds of work.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# A function that takes a number of steps, runs them, and returns the seconds they took together.
Contestant = Callable[[int], float]


def make_contestant(
    step: Callable[[], Any],
    finish: Callable[[], Any] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Contestant:
    """Return a contestant that calls `step`.

    Args:
        step: Takes one step.
        finish: Called after the last step of a turn, to wait for devices that work asynchronously;
            default None, there are none.
        clock: Returns seconds.
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

    @classmethod
    def measure(cls, values: np.ndarray) -> Spread:
        """Return the spread of the values, (R,)."""
        return cls(float(np.median(values)), float(np.min(values)), float(np.max(values)))


@dataclass(frozen=True)
class Times:
    """What `interleave` measured.

    Attributes:
        seconds: Seconds of a step by contestant, an entry for each round.
    """

    seconds: dict[str, np.ndarray]

    @property
    def rounds(self) -> int:
        """Return the number of rounds."""
        return len(next(iter(self.seconds.values())))

    def spread(self, name: str) -> Spread:
        """Return a contestant's seconds a step."""
        return Spread.measure(self.seconds[name])

    def ratio(self, name: str, to: str) -> Spread:
        """Return a contestant's time over that of another, round by round.

        Example:
            >>> times = Times({"a": np.array([2.0, 6.0, 4.0]), "b": np.array([1.0, 2.0, 2.0])})
            >>> times.ratio("a", to="b")
            Spread(median=2.0, low=2.0, high=3.0)
        """
        return Spread.measure(self.seconds[name] / self.seconds[to])

    def fastest(self, names: Sequence[str]) -> str:
        """Return the contestant of the least median ratio to the first of them."""
        return min(names, key=lambda name: self.ratio(name, names[0]).median)


def interleave(
    contestants: Mapping[str, Contestant],
    seconds: float,
    least_rounds: int = 5,
    most_rounds: int = 50,
) -> Times:
    """Measure all contestants in turns.

    Every contestant first runs twice, one step each time, before anything counts: the first time
    compiles.

    Args:
        contestants: Contestants by name.
        seconds: Time to spend in all, shared out equally. It takes longer only where even
            `least_rounds` rounds of one step each do.
        least_rounds: The least number of rounds, however slow the contestants are.
        most_rounds: The largest number of rounds; with more time, turns get longer.
    """
    for run in contestants.values():
        run(1)
    one_step = {name: max(run(1), 1e-9) for name, run in contestants.items()}
    rounds = int(np.clip(seconds / sum(one_step.values()), least_rounds, most_rounds))
    turn = seconds / rounds / len(contestants)
    steps = {name: max(1, round(turn / one_step[name])) for name in contestants}
    times: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(contestants[name](steps[name]) / steps[name])
    return Times({name: np.array(values) for name, values in times.items()})


# Seconds on the clock, and processor seconds of all threads of this process together.
CLOCKS = (time.perf_counter, time.process_time)


class Stopwatch:
    """The seconds of each kind of work, by each clock.

    Work within other work counts for the inner kind alone. A stopwatch is for one thread.

    Args:
        clocks: Functions that return seconds; default, the clock and the processor's time.

    Attributes:
        seconds: Seconds by each clock, by kind of work.

    Example: a clock that one sets by hand.

        >>> now = 0
        >>> watch = Stopwatch([lambda: now])
        >>> with watch.measure("outer"):
        ...     now = 5
        ...     with watch.measure("inner"):
        ...         now = 7
        ...     now = 8
        >>> {kind: seconds.tolist() for kind, seconds in watch.seconds.items()}
        {'outer': [6], 'inner': [2]}
    """

    def __init__(self, clocks: Sequence[Callable[[], float]] = CLOCKS):
        self._clocks = clocks
        self._kinds: list[str] = []  # of the work in progress, the innermost last
        self._last = self._now()
        self.seconds: dict[str, np.ndarray] = {}

    @contextlib.contextmanager
    def measure(self, kind: str) -> Iterator[None]:
        """Count the time of a `with` block for `kind`."""
        self._count()
        self._kinds.append(kind)
        self.seconds.setdefault(kind, np.zeros_like(self._last))
        try:
            yield
        finally:
            self._count()
            self._kinds.pop()

    @contextlib.contextmanager
    def watch(self, methods: Sequence[tuple[type, str, str]]) -> Iterator[None]:
        """Count the time of methods, wherever they are called, during a `with` block.

        Args:
            methods: Class, name of the method, and kind of work of each.
        """
        with contextlib.ExitStack() as stack:
            for owner, name, kind in methods:
                original = getattr(owner, name)
                stack.callback(setattr, owner, name, original)
                setattr(owner, name, self._wrap(original, kind))
            yield

    def _wrap(self, method: Callable, kind: str) -> Callable:
        @functools.wraps(method)
        def measured(*args, **kwargs):
            with self.measure(kind):
                return method(*args, **kwargs)

        return measured

    def _now(self) -> np.ndarray:
        return np.array([clock() for clock in self._clocks])

    def _count(self) -> None:
        """Add the time since the last change to the innermost kind of work in progress."""
        now = self._now()
        if self._kinds:
            kind = self._kinds[-1]
            self.seconds[kind] = self.seconds[kind] + now - self._last
        self._last = now
