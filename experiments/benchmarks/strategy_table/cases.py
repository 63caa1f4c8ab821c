"""The cases to compare, and their results: losses and the time of a step, or an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

EPOCHS, BATCH, ROWS = 5, 32, 640
STEPS_PER_CALL = (1, 10, 50)
# `fit` last: what remains of its failures may disturb what runs after it.
LOOPS = ("train", "fit")
# Batch size by name.
SWEEPS = {"Sweep.run": None, "Sweep.run, batches": BATCH}


@dataclass(frozen=True)
class Case:
    """What runs under a strategy.

    Attributes:
        loop: One of `LOOPS` or `SWEEPS`.
        jit_compile: Whether XLA compiles it.
        steps_per_call: Steps of a call of `train` or an execution of `fit`; None for a sweep.
    """

    loop: str
    jit_compile: bool = True
    steps_per_call: int | None = None


def sweep_cases() -> list[Case]:
    """Return the sweeps, which XLA always compiles."""
    return [Case(loop) for loop in SWEEPS]


def loop_cases(loop: str) -> list[Case]:
    """Return the columns of the table: every number of steps a call, without and with XLA."""
    return [Case(loop, xla, steps) for xla in (False, True) for steps in STEPS_PER_CALL]


@dataclass(frozen=True)
class Result:
    """What a case led to.

    Attributes:
        losses: The losses in order; empty if it failed.
        seconds: Seconds of a step; None if it failed.
        error: Name of the exception with which it failed; None if it did not.
    """

    losses: Sequence[float] = ()
    seconds: float | None = None
    error: str | None = None

    def cell(self, expected: Sequence[float]) -> str:
        """Return deviation and time as the table shows them, or the error.

        Args:
            expected: The losses to compare with.

        Example:
            >>> Result([1.0, 2.02], 0.5).cell([1.0, 2.0])
            '1e-02, 500.0 ms'
            >>> Result(error="ValueError").cell([1.0, 2.0])
            'ValueError'
        """
        if self.error is not None:
            return self.error
        deviation = np.abs(np.array(self.losses) / np.array(expected) - 1).max()
        return f"{deviation:.0e}, {1e3 * self.seconds:.1f} ms"
