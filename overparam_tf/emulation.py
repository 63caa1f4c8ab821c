"""Training of one kernel by the end-to-end rule, as if it were a product of `depth` factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from overparam_tf._arrays import real_array
from overparam_tf.checks import boolean, positive_int, real_number
from overparam_tf.dynamics import end_to_end_update
from overparam_tf.errors import InputError, input_error
from overparam_tf.losses import check_exponent, even_power


@dataclass(frozen=True)
class Emulation:
    """The result of `emulate`.

    Attributes:
        losses: The loss before each iteration, shape (iterations,).
        kernel: The kernel after the last, shape (in, out).
    """

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
    r"""Run full-batch gradient descent on the l_p loss by the end-to-end rule.

    $$K \leftarrow (1 - \eta \lambda N) K - \eta \sum_{j=1}^{N} [K K^\top]^{\frac{j-1}{N}} \, G \,
      [K^\top K]^{\frac{N-j}{N}}, \qquad G = dL/dK$$

    The port of the 2019 team's function of this name. All iterations run in one compiled loop. For
    many rates, seeds and depths at once, in lock step with real training, use
    `overparam_tf.Variant(..., update="end_to_end")`.

    Args:
        x: Inputs, shape (n, in). Its dtype, float32 or float64, is that of the computation.
        y: Targets, shape (n, out), or (n,) for one output.
        w_init: The kernel to start from, shape (in, out), or (in,) for one output.
        iterations: Number of steps, >= 1.
        learning_rate: eta > 0.
        depth: Number N of emulated factors, N >= 1, may be fractional. Depth 1 is gradient descent.
        p: Even whole exponent >= 2; default 2.
        weight_decay: lambda >= 0, that of every factor; default 0.
        scale: Divide the loss by p, as the paper does; default True.

    Returns:
        An `Emulation`. After a divergence its losses are not finite.

    Raises:
        InputError: If shapes do not fit, or a number is out of its range.

    Source: Arora, Cohen & Hazan 2018, Theorem 1 and section 8.

    Example: x = y = 1 and depth 2, where the rule reads w <- w - eta |w| (g + g), g = w - 1.

        >>> one, start = np.ones((1, 1)), np.array([0.5])
        >>> run = emulate(one, one, start, iterations=1, learning_rate=0.1, depth=2)
        >>> run.losses.tolist(), round(float(run.kernel[0, 0]), 12)
        ([0.125], 0.55)
    """
    iterations = positive_int("iterations", iterations)
    learning_rate = real_number("learning_rate", learning_rate, above=0)
    real_number("depth", depth, least=1)
    p = check_exponent(p)
    weight_decay = real_number("weight_decay", weight_decay, least=0)
    scale = boolean("scale", scale)
    x = _numbers("x", x)
    x = x.astype(x.dtype if x.dtype in (np.float32, np.float64) else np.float64)
    y, kernel = _column("y", y, x.dtype), _column("w_init", w_init, x.dtype)
    if x.ndim != 2 or y.shape[:1] != x.shape[:1] or kernel.shape != (x.shape[1], *y.shape[1:]):
        raise InputError(
            "Expected x (n, in), y (n, out) and w_init (in, out). "
            f"Received: x {x.shape}, y {y.shape}, w_init {kernel.shape}"
        )
    # XLA's SVD is slow, so that kernels with several inputs and outputs run as a plain graph.
    loop = _compiled_loop if 1 in kernel.shape else _graph_loop
    losses, kernel = loop(
        tf.constant(x),
        tf.constant(y),
        tf.constant(kernel),
        iterations,
        tf.constant(learning_rate, x.dtype),
        tf.constant(learning_rate * weight_decay * depth, x.dtype),
        depth,
        p,
        scale,
    )
    return Emulation(losses.numpy(), kernel.numpy())


def _numbers(name: str, values: Any) -> np.ndarray:
    """Return an array of finite numbers."""
    array = real_array(name, values)
    if not np.isfinite(array).all():
        raise input_error(f"an array of finite numbers for {name}", **{name: values})
    return array


def _column(name: str, values: Any, dtype: np.dtype) -> np.ndarray:
    """Return an array of finite numbers, a vector as a matrix of one column."""
    array = _numbers(name, values).astype(dtype)
    return array[:, None] if array.ndim == 1 else array


def _loop(
    x: tf.Tensor,
    y: tf.Tensor,
    kernel: tf.Tensor,
    iterations: int,
    rate: tf.Tensor,
    decay: tf.Tensor,
    depth: float,
    p: int,
    scale: bool,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the losses before each iteration, and the kernel after the last."""
    # The mean over rows and outputs of c e^p has the derivative c p e^(p-1) / (n k).
    constant = 1 / p if scale else 1.0
    factor = constant * p / (y.shape[0] * y.shape[1])

    def step(i, kernel, losses):
        error = x @ kernel - y
        power = even_power(error, p - 2) * error
        losses = losses.write(i, constant * tf.reduce_mean(power * error))
        gradient = tf.matmul(x, power, transpose_a=True) * factor
        kernel = (1 - decay) * kernel - rate * end_to_end_update(kernel, gradient, depth)
        return i + 1, kernel, losses

    losses = tf.TensorArray(x.dtype, iterations, element_shape=())
    _, kernel, losses = tf.while_loop(lambda i, *_: i < iterations, step, (0, kernel, losses))
    return losses.stack(), kernel


_compiled_loop = tf.function(_loop, jit_compile=True)
_graph_loop = tf.function(_loop)
