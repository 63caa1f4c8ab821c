r"""The two-example toy: inputs (1, 0) and (0, 1) with labels y and 1, under the sum of their two l_p losses.

    L(w) = (w_1 - y)^p / p + (w_2 - 1)^p / p,    w = F_1 F_2 ... F_N

(With the mean instead of the sum every learning rate is twice as large, and nothing else changes.) The factors start
balanced, with w = (start, start). F_1 is a vector (a, b); F_2 .. F_N are scalars that start equal and so stay equal, s:
three numbers (a, b, s) are the whole state, and a step here is exactly a step of gradient descent on all N factors.

Why depth helps. At depth 1 the errors e_i = w_i - y_i live apart: e_i <- e_i (1 - eta e_i^(p-2)). The large label must
not blow up at the start, eta < 2 / y^(p-2); the small one then needs, from d(e^-(p-2))/dt = (p-2) eta,

    (target^-(p-2) - 1) / ((p-2) eta)  >  (target^-(p-2) - 1) y^(p-2) / (2 (p-2))    steps:

a plateau as long as (y_1 / y_2)^(p-2), starved by the rate that the large label allows. At p = 2 there is none.
At depth N the small label moves at the effective rate eta |w|^(2-2/N): next to nothing at the start, where the large
error would forbid more, and eta y^(2-2/N) once the large label is fitted, where its curvature (p-1) e_1^(p-2) has gone.

How much it helps. In the unit u = y^-(p-2) y^-(2-2/N) of the rate the path of w_1 / y is the same for every y but for
its start, so the largest rate up to which the loss only ever falls is c_N u; for p = 4, c_1 = 2, c_2 about 4, c_3 about
3. That makes a gain of about c_N / 2, *whatever the labels*. More is to be had beyond, in narrow windows of rates at
which the first steps leap from near zero straight onto the large label, where l_p with p > 2 is flat enough to keep
them: at depth 2 one step takes w_1 to about eta^2 y^(2p-2) start, which is y for eta = sqrt(y / start) u. So the gain
of the best rate grows like sqrt(y / start), if the grid of rates hits a window; a finer grid finds luckier rates.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from overparam_tf.sweep.recorder import record_steps

NEVER = -1
# The rates searched, in decades around the unit u: from well below the stable limit to above the leaps.
DECADES = (-1, 3)


def power(x, exponent: int):
    """x^exponent by multiplications only: exact for numbers, arrays and tensors alike, and quick to compile."""
    return functools.reduce(operator.mul, [x] * exponent, 1.0)


def balanced_start(start: float, depth: int) -> tuple[float, float, float]:
    """The state (a, b, s) of balanced factors (|F_1| = s) whose product is (start, start)."""
    s = (start * 2**0.5) ** (1 / depth) if depth > 1 else 1.0
    return start / s ** (depth - 1), start / s ** (depth - 1), s


def errors(state, label, depth: int):
    """(w_1 - y, w_2 - 1)."""
    a, b, s = state
    rest = power(s, depth - 1)
    return rest * a - label, rest * b - 1.0


def descend(state, label, rate, p: int, depth: int):
    """The state after one step of gradient descent on the factors; numbers, arrays or tensors."""
    a, b, s = state
    e_1, e_2 = errors(state, label, depth)
    g_1, g_2 = power(e_1, p - 1), power(e_2, p - 1)
    rest = power(s, depth - 1)
    moved = s if depth == 1 else s - rate * power(s, depth - 2) * (a * g_1 + b * g_2)
    return a - rate * rest * g_1, b - rate * rest * g_2, moved


def learning_rates(
    label: float, p: int, depth: int, per_decade: int, refinement: int = 1
) -> np.ndarray:
    """Rates 10^(k / per_decade), k whole, in `DECADES` around the unit u; `refinement` - 1 more between each two."""
    unit = -(p - 2 / depth) * np.log10(label)
    first = refinement * np.floor(per_decade * (unit + DECADES[0]) + 1e-9)
    per_decade *= refinement
    return 10 ** ((first + np.arange(per_decade * (DECADES[1] - DECADES[0]) + 1)) / per_decade)


@dataclass(frozen=True)
class Scan:
    """How every rate of a grid fared.

    Attributes:
        rates: increasing, (R,).
        reached: first step with both errors below the target, or NEVER, (R,).
        falling: whether the loss rose at no step until then (or at all), (R,).
    """

    rates: np.ndarray
    reached: np.ndarray
    falling: np.ndarray

    def best(self, stride: int = 1) -> int | None:
        """Index of the rate that reaches the target first, of every `stride`-th one; None if none does."""
        coarse = np.arange(0, len(self.rates), stride)
        coarse = coarse[self.reached[coarse] != NEVER]
        return int(coarse[self.reached[coarse].argmin()]) if coarse.size else None

    def window(self, index: int) -> tuple[float, float]:
        """The lowest and the highest rate of the unbroken row of rates around `index` that reach the target."""
        failed = np.flatnonzero(self.reached == NEVER)
        low = failed[failed < index].max(initial=-1) + 1
        high = failed[failed > index].min(initial=len(self.rates)) - 1
        return float(self.rates[low]), float(self.rates[high])

    def stable(self) -> Scan:
        """The rates up to the largest at which, and below which, the loss only ever falls."""
        count = len(self.rates) if self.falling.all() else int(self.falling.argmin())
        return Scan(self.rates[:count], self.reached[:count], self.falling[:count])


def scan(
    label: float,
    p: int,
    depth: int,
    rates: np.ndarray,
    steps: int,
    start: float = 1e-3,
    target: float = 0.1,
) -> Scan:
    """Trains the toy at every rate, all at once in a compiled float64 loop, until all are done or `steps` are taken.

    Args:
        label: y, the large label.
        p: exponent of the loss, even.
        depth: number of factors.
        rates: learning rates, (R,).
        steps: the most steps taken.
        start: both entries of the initial kernel.
        target: the largest error that counts as fitted.

    Returns:
        A `Scan`.
    """
    state = [np.full(len(rates), number) for number in balanced_start(start, depth)]
    given = (tf.constant(value, tf.float64) for value in (state, rates, label, target))
    reached, falling = _compiled(p, depth, len(rates))(*given, tf.constant(steps))
    return Scan(np.asarray(rates), reached.numpy(), falling.numpy())


@functools.cache
def _compiled(p: int, depth: int, runs: int) -> Callable:
    def train(state, rates, label, target, steps):
        def unsettled(step, state, loss, reached, falling):
            return (step <= steps) & tf.reduce_any((reached == NEVER) & tf.math.is_finite(loss))

        def advance(step, state, last_loss, reached, falling):
            e_1, e_2 = errors(state, label, depth)
            loss = power(e_1, p) + power(e_2, p)
            fitted = tf.maximum(tf.abs(e_1), tf.abs(e_2)) < target
            reached = tf.where((reached == NEVER) & fitted, step, reached)
            falling &= (reached != NEVER) | (loss <= last_loss)
            return step + 1, descend(state, label, rates, p, depth), loss, reached, falling

        before = tf.fill((runs,), rates.dtype.max)  # above any loss, yet finite
        begin = (
            tf.constant(0),
            tuple(tf.unstack(state)),
            before,
            tf.fill((runs,), NEVER),
            tf.fill((runs,), True),
        )
        *_, reached, falling = tf.while_loop(unsettled, advance, begin)
        return reached, falling

    shapes = [(3, runs), (runs,), (), ()]
    floats = [tf.TensorSpec(shape, tf.float64) for shape in shapes]
    return tf.function(train, jit_compile=True).get_concrete_function(
        *floats, tf.TensorSpec((), tf.int32)
    )


def path(
    label: float, p: int, depth: int, rate: float, steps: int, start: float, points: int = 2000
):
    """One run's steps (S,) and kernels (S, 2), recorded at no more than `points` steps."""
    recorded = record_steps(steps, points)
    wanted, kernels = set(recorded.tolist()), []
    state = balanced_start(start, depth)
    for step in range(steps + 1):
        if step in wanted:
            rest = state[2] ** (depth - 1)
            kernels.append((rest * state[0], rest * state[1]))
        state = descend(state, label, rate, p, depth)
    return recorded, np.array(kernels)
