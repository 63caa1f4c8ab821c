r"""The two-example toy: gradient descent on two labels, y and 1, under the l_p loss.

The inputs are (1, 0) and (0, 1). The loss is the sum of the losses of both examples:

    L(w) = (w_1 - y)^p / p + (w_2 - 1)^p / p,    w = F_1 F_2 ... F_N.

(With the mean instead, every learning rate is twice as large, and nothing else changes.) The
factors start balanced, with w = (start, start); F_1 has two entries a, b, and F_2 .. F_N share
one number s (see `balanced_descent`): three numbers are the whole state.

Why depth helps. At depth 1 the errors e_i = w_i - y_i are independent,

    e_i <- e_i (1 - eta e_i^(p-2)).

The large label must not diverge at the start, which takes eta < 2 / y^(p-2). The small label then
needs, since d(e^-(p-2))/dt = (p-2) eta,

    (target^-(p-2) - 1) / ((p-2) eta)  >  (target^-(p-2) - 1) y^(p-2) / (2 (p-2))    steps.

That is a plateau as long as (y_1 / y_2)^(p-2), caused by the small rate that the large label
requires. At p = 2 there is none. At depth N the effective rate of the small label is
eta |w|^(2-2/N): close to 0 at the start, where the large error permits no more, and
eta y^(2-2/N) once the large label is fitted and its curvature (p-1) e_1^(p-2) has vanished.

How much it helps. In the unit u = y^-(p-2) y^-(2-2/N) of the rate the path of w_1 / y is the same
for every y, except for its start. So the largest rate up to which the loss never rises is c_N u;
for p = 4, c_1 = 2, c_2 is about 4 and c_3 about 3. That makes a gain of about c_N / 2, *whatever
the labels*. More is possible at higher rates, in narrow windows in which the first steps jump
from near zero straight onto the large label, where l_p with p > 2 is flat enough for them to
stay. At depth 2 one step takes w_1 to about eta^2 y^(2p-2) start, which is y for
eta = sqrt(y / start) u. So the gain of the best rate grows like sqrt(y / start), if the grid of
rates hits such a window; a finer grid hits better ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from experiments.harness.balanced_descent import balanced_start, next_column, next_number, power
from overparam_tf.sweep.recorder import NEVER, record_steps

# The rates searched, in decades around the unit u: from well below the stable limit to above the
# jumps.
DECADES = (-1, 3)


class State(NamedTuple):
    """The factors: F_1 = (a, b), and the number s that F_2 .. F_N share.

    Each is a number, or an array or tensor with an entry for each run.
    """

    a: Any
    b: Any
    s: Any

    @classmethod
    def balanced(cls, start: float, depth: int) -> State:
        """Return balanced factors whose product is (start, start)."""
        entry, s = balanced_start(start, start * 2**0.5, depth)
        return cls(entry, entry, s)

    def kernel(self, depth: int) -> tuple[Any, Any]:
        """Return the product w = (w_1, w_2)."""
        rest = power(self.s, depth - 1)
        return rest * self.a, rest * self.b

    def errors(self, label: Any, depth: int) -> tuple[Any, Any]:
        """Return (w_1 - y, w_2 - 1)."""
        w_1, w_2 = self.kernel(depth)
        return w_1 - label, w_2 - 1.0

    def step(self, label: Any, rate: Any, p: int, depth: int) -> State:
        """Return the factors after one step of gradient descent on all of them."""
        error_1, error_2 = self.errors(label, depth)
        gradient_1, gradient_2 = power(error_1, p - 1), power(error_2, p - 1)
        alignment = self.a * gradient_1 + self.b * gradient_2
        return State(
            next_column(self.a, self.s, gradient_1, rate, depth),
            next_column(self.b, self.s, gradient_2, rate, depth),
            next_number(self.s, alignment, rate, depth),
        )


def learning_rates(
    label: float, p: int, depth: int, per_decade: int, refinement: int = 1
) -> np.ndarray:
    """Return the rates 10^(k / per_decade), k whole, in `DECADES` around the unit u.

    Args:
        label: The large label y.
        p: Exponent of the loss.
        depth: Number of factors.
        per_decade: Rates of the coarse grid in a decade.
        refinement: How many times as many the returned grid has. It contains the coarse grid: every
            `refinement`-th rate.

    Example:
        >>> rates = learning_rates(10.0, p=4, depth=1, per_decade=10)
        >>> len(rates), float(rates[0].round(6)), float(rates[-1].round(6))
        (41, 0.001, 10.0)
    """
    unit = -(p - 2 / depth) * np.log10(label)
    lowest, highest = DECADES
    first = refinement * np.floor(per_decade * (unit + lowest) + 1e-9)
    per_decade *= refinement
    return 10 ** ((first + np.arange(per_decade * (highest - lowest) + 1)) / per_decade)


@dataclass(frozen=True)
class Scan:
    """What the toy reached at every rate of a grid.

    Attributes:
        rates: Learning rates, increasing, shape (R,).
        reached_steps: First step with both errors below the target, or `NEVER`, shape (R,).
        never_rises: Whether the loss rose at no step up to then (or at all), shape (R,).
    """

    rates: np.ndarray
    reached_steps: np.ndarray
    never_rises: np.ndarray

    def best(self, stride: int = 1) -> int | None:
        """Return the index of the rate that reaches the target first; None if none does.

        Args:
            stride: Look at every `stride`-th rate only.
        """
        indices = np.arange(0, len(self.rates), stride)
        indices = indices[self.reached_steps[indices] != NEVER]
        if not indices.size:
            return None
        return int(indices[self.reached_steps[indices].argmin()])

    def window(self, index: int) -> tuple[float, float]:
        """Return the ends of the unbroken row of rates around `index` that reach the target."""
        failures = np.flatnonzero(self.reached_steps == NEVER)
        low = failures[failures < index].max(initial=-1) + 1
        high = failures[failures > index].min(initial=len(self.rates)) - 1
        return float(self.rates[low]), float(self.rates[high])

    def stable(self) -> Scan:
        """Return the scan up to the largest rate up to which the loss never rises."""
        count = len(self.rates) if self.never_rises.all() else int(self.never_rises.argmin())
        return Scan(self.rates[:count], self.reached_steps[:count], self.never_rises[:count])


def scan(
    label: float,
    p: int,
    depth: int,
    rates: np.ndarray,
    steps: int,
    start: float = 1e-3,
    target: float = 0.1,
) -> Scan:
    """Train the toy at every rate, all at once in a compiled float64 loop.

    The loop ends when every rate has reached the target or diverged, or after `steps` steps.

    Args:
        label: The large label y.
        p: Exponent of the loss, even.
        depth: Number of factors.
        rates: Learning rates, shape (R,).
        steps: The most steps taken.
        start: Both entries of the initial kernel; default 1e-3.
        target: The largest error that counts as fitted; default 0.1.

    Example:
        At depth 1 an error e shrinks to e (1 - eta e^2), from 10 only for eta < 2 / 100:

        >>> scan(10.0, p=4, depth=1, rates=np.array([0.0199, 0.0201]), steps=3000).never_rises
        array([ True, False])
    """
    state = [np.full(len(rates), number) for number in State.balanced(start, depth)]
    arguments = [tf.constant(value, tf.float64) for value in (state, rates, label, target)]
    train = _compiled(p, depth, len(rates))
    reached_steps, never_rises = train(*arguments, tf.constant(steps))
    return Scan(np.asarray(rates), reached_steps.numpy(), never_rises.numpy())


@functools.cache
def _compiled(p: int, depth: int, runs: int) -> Callable:
    """Return the training of `runs` rates at once as one XLA program."""

    def train(numbers, rates, label, target, steps):
        def is_unfinished(step, state, last_loss, reached_steps, never_rises):
            is_running = (reached_steps == NEVER) & tf.math.is_finite(last_loss)
            return (step <= steps) & tf.reduce_any(is_running)

        def advance(step, state, last_loss, reached_steps, never_rises):
            error_1, error_2 = state.errors(label, depth)
            loss = power(error_1, p) + power(error_2, p)
            is_fitted = tf.maximum(tf.abs(error_1), tf.abs(error_2)) < target
            reached_steps = tf.where((reached_steps == NEVER) & is_fitted, step, reached_steps)
            never_rises &= (reached_steps != NEVER) | (loss <= last_loss)
            state = state.step(label, rates, p, depth)
            return step + 1, state, loss, reached_steps, never_rises

        begin = (
            tf.constant(0),
            State(*tf.unstack(numbers)),
            tf.fill((runs,), rates.dtype.max),  # above any loss, yet finite
            tf.fill((runs,), NEVER),
            tf.fill((runs,), True),
        )
        *_, reached_steps, never_rises = tf.while_loop(is_unfinished, advance, begin)
        return reached_steps, never_rises

    shapes = [(3, runs), (runs,), (), ()]
    floats = [tf.TensorSpec(shape, tf.float64) for shape in shapes]
    return tf.function(train, jit_compile=True, autograph=False).get_concrete_function(
        *floats, tf.TensorSpec((), tf.int32)
    )


def kernel_path(
    label: float, p: int, depth: int, rate: float, steps: int, start: float, points: int = 2000
) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernels of one run at no more than `points` of its steps.

    Args:
        label: The large label y.
        p: Exponent of the loss, even.
        depth: Number of factors.
        rate: The learning rate.
        steps: Number of steps.
        start: Both entries of the initial kernel.
        points: The most steps that are recorded; default 2000.

    Returns:
        The recorded steps (S,), 0 and `steps` among them, and the kernels (S, 2).
    """
    recorded_steps = record_steps(steps, points)
    recorded, kernels = set(recorded_steps.tolist()), []
    state = State.balanced(start, depth)
    for step in range(steps + 1):
        if step in recorded:
            kernels.append(state.kernel(depth))
        state = state.step(label, rate, p, depth)
    return recorded_steps, np.array(kernels)
