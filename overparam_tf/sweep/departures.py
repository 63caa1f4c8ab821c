"""Which runs leave the stack, and when: decided by steps and costs alone, never by a clock."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from overparam_tf.datasets import Problem
from overparam_tf.sweep.recorder import NEVER
from overparam_tf.sweep.sharing import STACK_OVERHEAD, run_cost
from overparam_tf.sweep.variant import Variant

# The boundaries: the powers of two between these, then the multiples of the second.
FIRST_BOUNDARY, BOUNDARY = 64, 2048
# What tracing and compiling the loop costs for each variant, in multiply-adds: about 0.3 s, in
# which two cores take as many in a sweep. Compiling takes one core, so that it is relatively dearer
# on more of them; hence the margin of `GAIN`.
COMPILE_COST = 2 * 10**10
# A smaller stack is compiled when the runs that have ended cost this share of its compilation since
# they ended, so that those that end soon after one another leave together ...
WAIT = 0.5
# ... and when they would cost this many compilations until the last step.
GAIN = 2


def next_boundary(step: int) -> int:
    """Return the first step after `step` at which runs may leave the stack.

    Example:
        >>> [next_boundary(step) for step in (0, 64, 100, 2047, 2048, 5000)]
        [64, 128, 128, 2048, 4096, 6144]
    """
    if step < BOUNDARY:
        return max(FIRST_BOUNDARY, 1 << step.bit_length())
    return step - step % BOUNDARY + BOUNDARY


class Departures:
    """The decision which runs a stack goes on with.

    Every process that trains the same sweep decides alike, and so does a continued sweep.

    Args:
        variants: The variants.
        problem: The data.
        steps: Number of steps of the whole sweep.
        rows: Rows of a step; default None, all rows.
    """

    def __init__(
        self, variants: Sequence[Variant], problem: Problem, steps: int, rows: int | None = None
    ):
        counts = [len(variant.runs) for variant in variants]
        costs = [run_cost(variant, problem, rows) for variant in variants]
        self._costs = np.repeat(np.array(costs, np.float64), counts)
        self._variants = np.repeat(np.arange(len(variants)), counts)
        self._steps = steps

    def staying(self, step: int, in_stack: np.ndarray, ended_at: np.ndarray) -> np.ndarray:
        """Return which runs are in the stack from a boundary on.

        Args:
            step: The boundary.
            in_stack: Which runs have been in it so far, shape (R,).
            ended_at: The step with which the record of each run ended, or NEVER, shape (R,).
        """
        leaving = in_stack & (ended_at != NEVER)
        staying = in_stack & ~leaving
        if not staying.any():
            return staying  # nothing is left to compile
        variants, left = (len(set(self._variants[runs])) for runs in (in_stack, staying))
        compilation = COMPILE_COST * left
        saved = self._costs[leaving].sum() + STACK_OVERHEAD * (variants - left)
        wasted = (self._costs * (step - ended_at))[leaving].sum()
        pays = saved * (self._steps - step) >= GAIN * compilation
        return staying if pays and wasted >= WAIT * compilation else in_stack
