r"""How many steps gradient descent takes to a target, by depth and learning rate: all rates of one problem at once.

A linear predictor with one output is a product of a column F_1 and N-1 numbers. Started balanced, F_2 .. F_N are equal
and stay equal, s; so F_1 and s are the whole state, K = F_1 s^(N-1), and with g = dL/dK a step of gradient descent on
all N factors is exactly

    F_1 <- F_1 - eta s^(N-1) g,    s <- s - eta s^(N-2) <F_1, g>.

The sweep engine would compile a program for every problem. Here the data are an argument, so that problems of one shape
share one program, and the loop ends as soon as one rate has reached the last target: the best rate.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from experiments.harness.two_examples import NEVER, power
from overparam_tf.datasets import Problem
from overparam_tf.floor import convex_floor
from overparam_tf.initializers import NearZero

# The rates searched, in decades around the unit of `Task.rates`.
DECADES = (-0.75, 1.75)


@dataclass(frozen=True)
class Task:
    """A problem with one output under l_p, mean(e^p) / p, and what there is to reach.

    Attributes:
        x: inputs, (n, d).
        y: label, (n,).
        p: exponent, even.
        floor: lowest loss of any linear predictor.
        curvature: largest eigenvalue of the loss's Hessian in K, at K = 0.
        targets: losses to reach, falling.
    """

    x: np.ndarray
    y: np.ndarray
    p: int
    floor: float
    curvature: float
    targets: tuple[float, ...]

    @classmethod
    def of(cls, problem: Problem, p: int, shares: Sequence[float]) -> Task:
        """The task of bringing the loss above the floor down to each of `shares` of that of the zero kernel."""
        x, y = problem.x, problem.y[:, 0]
        floor, start = convex_floor(x, problem.y, p).loss, float(np.mean(y**p)) / p
        targets = tuple(floor + share * (start - floor) for share in sorted(shares, reverse=True))
        hessian = (p - 1) / len(x) * (x * problem.y ** (p - 2)).T @ x
        return cls(x, y, p, floor, float(np.linalg.eigvalsh(hessian)[-1]), targets)

    def rates(self, depth: int, norm: float, per_decade: int) -> np.ndarray:
        r"""The grid of learning rates, increasing: `DECADES` around 2 / (curvature |K|^(2-2/N)), |K| = `norm`.

        At depth 1 this unit is the largest rate at which the very first steps contract. At depth N the effective rate
        is |K|^(2-2/N) times the rate, so that with |K| taken where training ends the same numbers mean the same for
        all depths. It is the unit of `two_examples.learning_rates`, up to a constant.
        """
        unit = 2 / (self.curvature * norm ** (2 - 2 / depth))
        return unit * np.logspace(*DECADES, round(per_decade * (DECADES[1] - DECADES[0])) + 1)


@dataclass(frozen=True)
class Outcome:
    """How a task went at its best rates.

    Attributes:
        steps: per target, the fewest steps of any rate, or None.
        rates: per target, that rate (the lowest of several), or None.
        at_edge: whether the last target's rate is the lowest or highest of the grid, beyond which may be better.
        norm: |K| of that run at the end; of the run with the lowest loss, if none reached the last target.
    """

    steps: tuple[int | None, ...]
    rates: tuple[float | None, ...]
    at_edge: bool
    norm: float


def balanced_start(features: int, depth: int, seed: int) -> tuple[np.ndarray, float]:
    """F_1 (d,) and s of balanced factors of a kernel N(0, 0.01^2): the start `"balanced"` of a `Variant`."""
    kernel = np.asarray(NearZero(seed=seed)((features, 1), dtype="float32"), np.float64)[:, 0]
    s = float(np.linalg.norm(kernel)) ** (1 / depth) if depth > 1 else 1.0
    return kernel / s ** (depth - 1), s


def fewest_steps(
    task: Task,
    depth: int,
    norm: float,
    per_decade: int,
    seed: int,
    limit: int,
    dtype: str = "float32",
) -> Outcome:
    """Trains at every rate until one has reached the last target, all have diverged, or for `limit` steps.

    Args:
        task: what to train on.
        depth: number of factors.
        norm: |K| in the unit of the rates; without effect at depth 1.
        per_decade: rates a decade.
        seed: seed of the start.
        limit: the most steps taken.
        dtype: `"float32"` or `"float64"`.

    Returns:
        The `Outcome`.
    """
    rates = task.rates(depth, norm, per_decade)
    first, s = balanced_start(task.x.shape[1], depth, seed)
    state = np.tile(first, (len(rates), 1)), np.full((len(rates), 1), s)
    # Both orders of x, as in `overparam_tf.sweep.data_pass`: both products then read along its rows.
    data = task.x, np.ascontiguousarray(task.x.T), task.y, task.targets
    given = [tf.constant(value, dtype) for value in (*state, rates[:, None], *data)]
    train = _compiled(task.p, depth, len(rates), *task.x.shape, len(task.targets), dtype)
    reached, losses, norms = (result.numpy() for result in train(*given, tf.constant(limit)))
    best = [
        int(np.where(row == NEVER, limit + 1, row).argmin()) if (row != NEVER).any() else None
        for row in reached
    ]
    last = int(np.nanargmin(losses)) if best[-1] is None else best[-1]
    return Outcome(
        tuple(None if i is None else int(row[i]) for i, row in zip(best, reached, strict=True)),
        tuple(None if i is None else float(rates[i]) for i in best),
        best[-1] in (0, len(rates) - 1),
        float(norms[last]),
    )


@functools.cache
def _compiled(
    p: int, depth: int, runs: int, rows: int, features: int, targets: int, dtype: str
) -> Callable:
    def train(first, s, rates, x, x_transposed, y, goals, limit):
        def measure(first, s):
            error = (first * power(s, depth - 1)) @ x_transposed - y
            return error, tf.reduce_mean(power(error, p), 1) / p

        def note(reached, step, loss):
            return tf.where((reached == NEVER) & (loss <= goals[:, None]), step, reached)

        def going(step, first, s, error, loss, reached):
            return (
                (step < limit)
                & tf.reduce_all(reached[-1] == NEVER)
                & tf.reduce_any(tf.math.is_finite(loss))
            )

        def advance(step, first, s, error, loss, reached):
            gradient = power(error, p - 1) @ x / rows
            along = tf.reduce_sum(first * gradient, 1, keepdims=True)
            moved = s if depth == 1 else s - rates * power(s, depth - 2) * along
            first -= rates * power(s, depth - 1) * gradient
            error, loss = measure(first, moved)
            return step + 1, first, moved, error, loss, note(reached, step + 1, loss)

        error, loss = measure(first, s)
        begin = (
            tf.constant(0),
            first,
            s,
            error,
            loss,
            note(tf.fill((targets, runs), NEVER), 0, loss),
        )
        _, first, s, _, loss, reached = tf.while_loop(going, advance, begin)
        return reached, loss, tf.norm(first * power(s, depth - 1), axis=1)

    shapes = [
        (runs, features),
        (runs, 1),
        (runs, 1),
        (rows, features),
        (features, rows),
        (rows,),
        (targets,),
    ]
    floats = [tf.TensorSpec(shape, dtype) for shape in shapes]
    return tf.function(train, jit_compile=True).get_concrete_function(
        *floats, tf.TensorSpec((), tf.int32)
    )
