"""Our sweep: its engine alone, without the tables and curves that `Sweep.run` adds once a run."""

from __future__ import annotations

import functools

import keras
import numpy as np
import tensorflow as tf

from overparam_tf import LpLoss, Problem, Variant
from overparam_tf.sweep.devices import make_engine
from overparam_tf.sweep.engine import MAX_STEPS_PER_CALL

from .serve import serve
from .task import Task
from .with_keras import keras_optimizer


class SweepTrainer:
    """All runs side by side in one compiled loop.

    The option `compressed` replaces the rows by d + k with the same loss, for p = 2.
    """

    def __init__(self, task: Task):
        problem = Problem("step-cost", task.x, task.y, "step_cost", "none", synthetic=True)
        variant = Variant(
            "the runs",
            depth=len(task.factors),
            width=task.factors[0].shape[1] if len(task.factors) > 1 else None,
            optimizer=keras_optimizer(task, 1.0),
            learning_rates=task.rates,
            initial_factors=task.factors,
        )
        if task.options.get("compressed"):
            problem = problem.compressed()
        self._engine = make_engine(problem, (variant,), LpLoss(task.p), "float32")
        self._last = len(task.rates) - 1

    def advance(self, steps: int) -> None:
        """Take the steps in calls of at most `MAX_STEPS_PER_CALL`, as a sweep does."""
        while steps > 0:
            self._engine.advance(min(steps, MAX_STEPS_PER_CALL))
            steps -= MAX_STEPS_PER_CALL

    def kernel(self) -> np.ndarray:
        """Return the product of the last run's factors."""
        return functools.reduce(np.matmul, self._engine.stacks[0].weights(self._last))


if __name__ == "__main__":
    serve({"sweep": SweepTrainer}, {"tensorflow": tf.__version__, "keras": keras.__version__})
