"""Experiment 1's emulation: train one kernel by the end-to-end rule, as if it were a product of `depth` factors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from overparam_tf.dynamics import end_to_end_update
from overparam_tf.dynamics.checks import check_depth
from overparam_tf.errors import InputError
from overparam_tf.losses import check_exponent, even_power


@dataclass(frozen=True)
class Emulation:
    """The losses before each of the iterations, shape (iterations,), and the kernel after the last, (in, out)."""

    losses: np.ndarray
    kernel: np.ndarray


def emulate(
    x: np.ndarray,
    y: np.ndarray,
    w_init: np.ndarray,
    iterations: int,
    learning_rate: float,
    depth: float,
    p: int = 2,
    weight_decay: float = 0.0,
    *,
    scale: bool = True,
) -> Emulation:
    r"""Full-batch gradient descent on the l_p loss by the end-to-end rule.

    $$K \leftarrow (1 - \eta \lambda N) K - \eta \sum_{j=1}^{N} [K K^\top]^{\frac{j-1}{N}} \, G \,
      [K^\top K]^{\frac{N-j}{N}}, \qquad G = dL/dK$$

    The port of the 2019 team's function of this name. All iterations run in one compiled loop. Many rates, seeds
    and depths at once, in lock step with real training: `overparam_tf.Variant(..., update="end_to_end")`.

    Args:
        x: inputs, shape (n, in). Its dtype, float32 or float64, is that of the computation.
        y: targets, shape (n, out), or (n,) for one output.
        w_init: the kernel to start from, shape (in, out), or (in,) for one output.
        iterations: number of steps, >= 1.
        learning_rate: eta > 0.
        depth: number of factors emulated, N >= 1, may be fractional. Depth 1 is gradient descent.
        p: even, >= 2.
        weight_decay: lambda >= 0, that of every factor.
        scale: divide the loss by p, as the paper does.

    Returns:
        An `Emulation`. After a divergence the losses are not finite.

    Raises:
        InputError: for shapes that do not fit, or a number out of its range.

    Source: Arora, Cohen & Hazan 2018, Theorem 1 and section 8.

    Example: x = y = 1 and depth 2, where the rule reads w <- w - eta |w| (g + g), g = w - 1.

        >>> run = emulate(np.ones((1, 1)), np.ones((1, 1)), np.array([0.5]), 1, learning_rate=0.1, depth=2)
        >>> run.losses.tolist(), round(float(run.kernel[0, 0]), 12)
        ([0.125], 0.55)
    """
    x = np.asarray(x)
    x = x.astype(x.dtype if x.dtype in (np.float32, np.float64) else np.float64)
    y, kernel = (_column(name, value, x.dtype) for name, value in (("y", y), ("w_init", w_init)))
    if x.ndim != 2 or y.shape[0] != x.shape[0] or kernel.shape != (x.shape[1], y.shape[1]):
        raise InputError(
            "Expected x (n, in), y (n, out) and w_init (in, out). "
            f"Received: x {x.shape}, y {y.shape}, w_init {kernel.shape}"
        )
    if not all(np.isfinite(array).all() for array in (x, y, kernel)):
        raise InputError(
            "Expected x, y and w_init without NaN and infinity. Received: some that are not finite"
        )
    if isinstance(iterations, bool) or iterations != int(iterations) or iterations < 1:
        raise InputError(
            f"Expected a whole number of iterations >= 1. Received: iterations={iterations!r}"
        )
    if not 0 < learning_rate < np.inf or not 0 <= weight_decay < np.inf:
        raise InputError(
            "Expected a learning rate > 0 and a weight decay >= 0. "
            f"Received: learning_rate={learning_rate!r}, weight_decay={weight_decay!r}"
        )
    check_depth(depth)
    # XLA's SVD is slow, so that kernels with several inputs and outputs run as a plain graph.
    loop = _compiled_loop if 1 in kernel.shape else _graph_loop
    rate, decay = (
        tf.constant(value, x.dtype)
        for value in (learning_rate, learning_rate * weight_decay * depth)
    )
    losses, kernel = loop(
        tf.constant(x),
        tf.constant(y),
        tf.constant(kernel),
        int(iterations),
        rate,
        decay,
        depth,
        check_exponent(p),
        bool(scale),
    )
    return Emulation(losses.numpy(), kernel.numpy())


def _column(name: str, values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    try:
        array = np.asarray(values, dtype)
    except (TypeError, ValueError):
        raise InputError(f"Expected {name} as an array of numbers. Received: {values!r}") from None
    return array[:, None] if array.ndim == 1 else array


def _loop(x, y, kernel, iterations, rate, decay, depth, p, scale):
    # Mean over rows and outputs of c e^p has the derivative c p e^(p-1) / (n k).
    constant = 1 / p if scale else 1.0

    def step(i, kernel, losses):
        error = x @ kernel - y
        power = even_power(error, p - 2) * error
        losses = losses.write(i, constant * tf.reduce_mean(power * error))
        gradient = tf.matmul(x, power, transpose_a=True) * (
            constant * p / (y.shape[0] * y.shape[1])
        )
        kernel = (1 - decay) * kernel - rate * end_to_end_update(kernel, gradient, depth)
        return i + 1, kernel, losses

    losses = tf.TensorArray(x.dtype, iterations, element_shape=())
    _, kernel, losses = tf.while_loop(lambda i, *_: i < iterations, step, (0, kernel, losses))
    return losses.stack(), kernel


_compiled_loop = tf.function(_loop, jit_compile=True)
_graph_loop = tf.function(_loop)
