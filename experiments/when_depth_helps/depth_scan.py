"""The steps that gradient descent takes to a target, by depth: all rates of a problem at once.

The factors start balanced; see `experiments.harness.balanced_descent` for state and step. The sweep
engine would compile a program for every problem. Here the data are an argument, so that problems of
one shape share one program, and the loop ends as soon as one rate has reached the last target: the
best rate.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from experiments.harness import balanced_descent
from experiments.harness.balanced_descent import next_column, next_number, power
from overparam_tf.datasets import Problem
from overparam_tf.dynamics import kernel_hessian
from overparam_tf.floor import convex_floor
from overparam_tf.initializers import NearZero
from overparam_tf.sweep.recorder import NEVER

# The rates searched, in decades around the unit of `Task.rates`.
DECADES = (-0.75, 1.75)


@dataclass(frozen=True)
class Task:
    """A problem with one output under l_p, mean(e^p) / p, and the losses to reach.

    Attributes:
        x: Inputs, shape (n, d).
        y: Labels, shape (n,).
        p: Exponent, even.
        floor: The lowest loss of any linear predictor.
        curvature: The largest eigenvalue of the loss's Hessian in K, at K = 0.
        targets: Losses to reach, falling.
    """

    x: np.ndarray
    y: np.ndarray
    p: int
    floor: float
    curvature: float
    targets: tuple[float, ...]

    @classmethod
    def from_problem(cls, problem: Problem, p: int, shares: Sequence[float]) -> Task:
        """Return the task of leaving only a share of the zero kernel's excess loss over the floor.

        Args:
            problem: The data, with one output.
            p: Exponent, even.
            shares: The shares, between 0 and 1; a target for each.
        """
        x, y = problem.x, problem.y[:, 0]
        floor, at_zero = convex_floor(x, problem.y, p).loss, float(np.mean(y**p)) / p
        targets = [floor + share * (at_zero - floor) for share in sorted(shares, reverse=True)]
        curvature = float(np.linalg.eigvalsh(kernel_hessian(-y, x, p)).max())
        return cls(x, y, p, floor, curvature, tuple(targets))

    def rates(self, depth: int, norm: float, per_decade: int) -> np.ndarray:
        r"""Return the grid of learning rates: `DECADES` around 2 / (curvature |K|^(2-2/N)).

        At depth 1 this unit is the largest rate at which the very first steps contract. At depth N
        the effective rate is |K|^(2-2/N) times the rate. With |K| taken where training ends, the
        same numbers therefore mean the same for all depths. It is the unit of
        `two_examples.learning_rates`, up to a constant.

        Args:
            depth: Number of factors N.
            norm: |K|; without effect at depth 1.
            per_decade: Rates in a decade.

        Returns:
            The rates, increasing.
        """
        unit = 2 / (self.curvature * norm ** (2 - 2 / depth))
        lowest, highest = DECADES
        return unit * np.logspace(lowest, highest, round(per_decade * (highest - lowest)) + 1)


@dataclass(frozen=True)
class FewestSteps:
    """How many steps a task took at its best rates.

    Attributes:
        steps: For each target, the fewest steps of any rate, or None if no rate reached it.
        rates: For each target, that rate (the lowest of several), or None.
        at_edge: Whether the last target's rate is the lowest or the highest of the grid, so that
            one outside of it may be better.
        norm: |K| at the end of the last target's run; of the run with the lowest loss, if none
            reached that target.
    """

    steps: tuple[int | None, ...]
    rates: tuple[float | None, ...]
    at_edge: bool
    norm: float


def balanced_start(features: int, depth: int, seed: int) -> tuple[np.ndarray, float]:
    """Return F_1 (d,) and s of balanced factors of a kernel with entries N(0, 0.01^2).

    It is the start `"balanced"` of a `Variant`.
    """
    column = NearZero(seed=seed)((features, 1), dtype="float32")
    kernel = np.asarray(column, np.float64)[:, 0]
    return balanced_descent.balanced_start(kernel, float(np.linalg.norm(kernel)), depth)


def fewest_steps(
    task: Task,
    depth: int,
    norm: float,
    per_decade: int,
    seed: int,
    limit: int,
    dtype: str = "float32",
) -> FewestSteps:
    """Train at every rate until one has reached the last target, or all have diverged.

    Args:
        task: The data and the targets.
        depth: Number of factors.
        norm: |K| in the unit of the rates; without effect at depth 1.
        per_decade: Rates in a decade.
        seed: Seed of the start.
        limit: The most steps taken.
        dtype: `"float32"` (the default) or `"float64"`.
    """
    rates = task.rates(depth, norm, per_decade)
    column, s = balanced_start(task.x.shape[1], depth, seed)
    state = np.tile(column, (len(rates), 1)), np.full((len(rates), 1), s)
    # x in both orders, as in `overparam_tf.sweep.data_pass`: both products then read along its
    # rows.
    data = task.x, np.ascontiguousarray(task.x.T), task.y, task.targets
    arguments = [tf.constant(value, dtype) for value in (*state, rates[:, None], *data)]
    train = _compiled(task.p, depth, len(rates), *task.x.shape, len(task.targets), dtype)
    results = train(*arguments, tf.constant(limit))
    reached_steps, losses, norms = (result.numpy() for result in results)

    best_indices = [_index_of_fewest(steps) for steps in reached_steps]
    *_, last_index = best_indices
    end = int(np.nanargmin(losses)) if last_index is None else last_index
    return FewestSteps(
        steps=tuple(
            None if index is None else int(steps[index])
            for index, steps in zip(best_indices, reached_steps, strict=True)
        ),
        rates=tuple(None if index is None else float(rates[index]) for index in best_indices),
        at_edge=last_index in (0, len(rates) - 1),
        norm=float(norms[end]),
    )


def _index_of_fewest(reached_steps: np.ndarray) -> int | None:
    """Return the index of the fewest steps, the first of several; None if all are `NEVER`."""
    reached = np.flatnonzero(reached_steps != NEVER)
    return int(reached[reached_steps[reached].argmin()]) if reached.size else None


@functools.cache
def _compiled(
    p: int, depth: int, runs: int, rows: int, features: int, targets: int, dtype: str
) -> Callable:
    """Return the training of `runs` rates at once as one XLA program for data of one shape."""

    def train(column, s, rates, x, x_transposed, y, goals, limit):
        def measure(column, s):
            error = (column * power(s, depth - 1)) @ x_transposed - y
            return error, tf.reduce_mean(power(error, p), 1) / p

        def first_steps(reached_steps, step, loss):
            is_first = (reached_steps == NEVER) & (loss <= goals[:, None])
            return tf.where(is_first, step, reached_steps)

        def is_unfinished(step, column, s, error, loss, reached_steps):
            last_target = reached_steps[-1]
            return (
                (step < limit)
                & tf.reduce_all(last_target == NEVER)
                & tf.reduce_any(tf.math.is_finite(loss))
            )

        def advance(step, column, s, error, loss, reached_steps):
            gradient = power(error, p - 1) @ x / rows
            alignment = tf.reduce_sum(column * gradient, 1, keepdims=True)
            column, s = (
                next_column(column, s, gradient, rates, depth),
                next_number(s, alignment, rates, depth),
            )
            error, loss = measure(column, s)
            reached_steps = first_steps(reached_steps, step + 1, loss)
            return step + 1, column, s, error, loss, reached_steps

        error, loss = measure(column, s)
        reached_steps = first_steps(tf.fill((targets, runs), NEVER), 0, loss)
        begin = (tf.constant(0), column, s, error, loss, reached_steps)
        _, column, s, _, loss, reached_steps = tf.while_loop(is_unfinished, advance, begin)
        return reached_steps, loss, tf.norm(column * power(s, depth - 1), axis=1)

    data_shapes = [(rows, features), (features, rows), (rows,), (targets,)]
    shapes = [(runs, features), (runs, 1), (runs, 1), *data_shapes]
    floats = [tf.TensorSpec(shape, dtype) for shape in shapes]
    return tf.function(train, jit_compile=True, autograph=False).get_concrete_function(
        *floats, tf.TensorSpec((), tf.int32)
    )
