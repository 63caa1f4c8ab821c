"""Training of one kernel as if it were a product of `depth` factors, without the factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from overparam_tf._arrays import real_array
from overparam_tf.checks import boolean, one_of, real_number, whole_number
from overparam_tf.dynamics import kernel_steps
from overparam_tf.dynamics.products import has_products
from overparam_tf.dynamics.singular_basis import singular_basis
from overparam_tf.errors import InputError, input_error
from overparam_tf.losses import check_exponent, even_power
from overparam_tf.memory import require_memory


@dataclass(frozen=True)
class Emulation:
    """The result of `emulate`.

    Attributes:
        losses: The loss before each iteration, shape (iterations,).
        kernel: The kernel after the last, shape (in, out).
        imbalance: The differences after the last, shape (depth - 1,), where they are part of the
            state: with the argument `imbalance` or, for one output, `order="exact"`. Otherwise
            None.
    """

    losses: np.ndarray
    kernel: np.ndarray
    imbalance: np.ndarray | None = None


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
    imbalance: Any = None,
    order: str = "flow",
) -> Emulation:
    r"""Run full-batch gradient descent on the l_p loss by the end-to-end rule.

    $$K \leftarrow (1 - \eta \lambda N) K - \eta \sum_{j=1}^{N} [K K^\top]^{\frac{j-1}{N}} \, G \,
      [K^\top K]^{\frac{N-j}{N}}, \qquad G = dL/dK$$

    The port of the 2019 team's function of this name. All iterations run in one compiled loop. For
    many rates, seeds and depths at once, in lock step with real training, use
    `overparam_tf.Variant(..., update="end_to_end")`.

    The rule rests on two approximations, balanced factors and a vanishing learning rate. Each can
    be left out where the kernel with a few more numbers determines what factors would do:

    | `order` | `imbalance` | gap to real factors | where |
    |---|---|---|---|
    | `"flow"` | None | O(eta), if they start balanced; else O(1) | everywhere |
    | `"flow"` | given | O(eta) over a fixed time, from any start | one output, inner widths of 1 |
    | `"exact"` | None | round-off, if they start balanced | one output, or depth 2 |
    | `"exact"` | given | round-off, from any start | one output, inner widths of 1 |

    Factors that all start near zero, N(0, 0.01^2), are not balanced: with 128 inputs the column is
    eleven times as large as the numbers, and the curves part by up to a factor of six. An `"exact"`
    step of one output costs about as much as one of `"flow"`; with several outputs, at depth 2, it
    takes products of (in, in) matrices.

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
        imbalance: For one output (or input) and inner widths of 1, the differences of the factors'
            squared norms at the start, shape (depth - 1,), as `dynamics.conserved_imbalance`
            returns them; default None, for factors that start balanced.
        order: `"flow"` (default), the step to first order in the learning rate, or `"exact"`, the
            step that gradient descent on the factors makes, at any rate.

    Returns:
        An `Emulation`. After a divergence its losses are not finite.

    Raises:
        InputError: If shapes do not fit, a number is out of its range, or the kernel does not
            determine the step: `imbalance` with several inputs and outputs, `"exact"` with several
            inputs and outputs at another depth than 2, either at a fractional depth, or a kernel of
            0 with `imbalance` above 0.

    Source: Arora, Cohen & Hazan 2018, Theorem 1 and section 8.

    Example: x = y = 1 and depth 2, where the rule reads w <- w - eta |w| (g + g), g = w - 1. The
        factors 1 and 1/2 have g = -1/2, and become 1 + 0.025 and 1/2 + 0.05.

        >>> one, start = np.ones((1, 1)), np.array([0.5])
        >>> run = emulate(one, one, start, iterations=1, learning_rate=0.1, depth=2)
        >>> run.losses.tolist(), round(float(run.kernel[0, 0]), 12)
        ([0.125], 0.55)
        >>> run = emulate(one, one, start, 1, 0.1, 2, imbalance=[0.75], order="exact")
        >>> bool(np.isclose(run.kernel[0, 0], 1.025 * 0.55))
        True
    """
    iterations = whole_number("iterations", iterations, least=1, most=10**9)
    require_memory("a loss for each iteration", 16.0 * iterations, iterations=iterations)
    learning_rate = real_number("learning_rate", learning_rate, above=0)
    real_number("depth", depth, least=1)
    p = check_exponent(p)
    weight_decay = real_number("weight_decay", weight_decay, least=0)
    scale = boolean("scale", scale)
    one_of("order", order, ("flow", "exact"))
    x = _numbers("x", x)
    x = x.astype(x.dtype if x.dtype in (np.float32, np.float64) else np.float64)
    y, kernel = _column("y", y, x.dtype), _column("w_init", w_init, x.dtype)
    if x.ndim != 2 or y.shape[:1] != x.shape[:1] or kernel.shape != (x.shape[1], *y.shape[1:]):
        raise InputError(
            "Expected x (n, in), y (n, out) and w_init (in, out). "
            f"Received: x {x.shape}, y {y.shape}, w_init {kernel.shape}"
        )
    step, state = _step_and_state(kernel, depth, imbalance, order)
    # XLA's SVD is slow: where several inputs and outputs need one, they run as a plain graph.
    needs_svd = 1 not in kernel.shape and not has_products(depth)
    loop = _graph_loop if needs_svd and order == "flow" else _compiled_loop
    rates = (tf.constant([[value]], x.dtype) for value in (learning_rate, weight_decay))
    losses, (kernel, *more) = loop(
        tf.constant(x), tf.constant(y), state, step, iterations, *rates, p, scale
    )
    has_imbalance = step in (kernel_steps.unbalanced_flow, kernel_steps.width_one)
    return Emulation(losses.numpy(), kernel.numpy(), more[0].numpy() if has_imbalance else None)


def _step_and_state(
    kernel: np.ndarray, depth: float, imbalance: Any, order: str
) -> tuple[kernel_steps.Step, tuple[tf.Tensor, ...]]:
    """Return the step of this order, and the state from which it starts."""
    is_single = 1 in kernel.shape
    if imbalance is None and order == "flow":
        return kernel_steps.balanced_flow(depth), (tf.constant(kernel),)
    if imbalance is not None and not is_single:
        raise input_error(
            "one input or one output for imbalance; other factors have more than a number each",
            **{"w_init.shape": kernel.shape},
        )
    if depth != int(depth) or (not is_single and depth > 2):
        raise input_error(
            "a whole depth for imbalance and order='exact', and depth 2 for several inputs and "
            "outputs",
            depth=depth,
            **{"w_init.shape": kernel.shape},
        )
    if is_single:
        differences = _differences(kernel, int(depth), imbalance)
        step = kernel_steps.width_one if order == "exact" else kernel_steps.unbalanced_flow
        return step, (tf.constant(kernel), tf.constant(differences))
    if depth == 1:
        return kernel_steps.balanced_flow(1), (tf.constant(kernel),)
    left, values, right = singular_basis(kernel)
    grams = ((side * values) @ tf.transpose(side) for side in (left, right))
    return kernel_steps.depth_two, (tf.constant(kernel), *grams)


def _differences(kernel: np.ndarray, depth: int, imbalance: Any) -> np.ndarray:
    """Return the argument `imbalance`, checked; zeros for None."""
    if imbalance is None:
        return np.zeros(depth - 1, kernel.dtype)
    differences = _numbers("imbalance", imbalance).astype(kernel.dtype)
    if differences.shape != (depth - 1,):
        raise input_error(
            "depth - 1 numbers for imbalance", depth=depth, **{"imbalance.shape": differences.shape}
        )
    if not kernel.any() and (differences > 0).any():
        raise input_error(
            "another kernel than 0 for imbalance above 0, since the zero kernel does not tell the "
            "direction of the factor that is not 0",
            imbalance=differences.tolist(),
        )
    return differences


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
    state: tuple[tf.Tensor, ...],
    step: kernel_steps.Step,
    iterations: int,
    rate: tf.Tensor,
    decay: tf.Tensor,
    p: int,
    scale: bool,
) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
    """Return the losses before each iteration, and the state after the last."""
    # The mean over rows and outputs of c e^p has the derivative c p e^(p-1) / (n k).
    constant = 1 / p if scale else 1.0
    factor = constant * p / (y.shape[0] * y.shape[1])

    def iterate(i, losses, state):
        error = x @ state[0] - y
        power = even_power(error, p - 2) * error
        losses = losses.write(i, constant * tf.reduce_mean(power * error))
        gradient = tf.matmul(x, power, transpose_a=True) * factor
        return i + 1, losses, step(state, gradient, rate, decay)

    losses = tf.TensorArray(x.dtype, iterations, element_shape=())
    _, losses, state = tf.while_loop(lambda i, *_: i < iterations, iterate, (0, losses, state))
    return losses.stack(), state


_compiled_loop = tf.function(_loop, jit_compile=True, autograph=False)
_graph_loop = tf.function(_loop, autograph=False)
