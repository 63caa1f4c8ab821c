"""One step of gradient descent on factors at any learning rate, followed without the factors."""

from __future__ import annotations

from typing import NamedTuple

from keras import ops

from overparam_tf.dynamics.checks import (
    Tensor,
    check_gradient,
    check_gram,
    check_imbalance,
    check_kernel,
    check_rate,
    check_single_output,
)
from overparam_tf.dynamics.matrices import matmul, transpose
from overparam_tf.dynamics.single_output import direction
from overparam_tf.dynamics.unbalanced import product, squared_sizes


class WidthOneStep(NamedTuple):
    """Kernel and conserved differences after a step, see `width_one_step`."""

    kernel: Tensor
    imbalance: Tensor


class DepthTwoStep(NamedTuple):
    """Kernel and Gram matrices after a step, see `depth_two_step`."""

    kernel: Tensor
    left: Tensor
    right: Tensor


def width_one_step(
    kernel: Tensor,
    gradient: Tensor,
    imbalance: Tensor,
    learning_rate: Tensor,
    weight_decay: Tensor = 0.0,
) -> WidthOneStep:
    r"""Return a row or column after one step of gradient descent on its N factors of width 1.

    $$F_j \leftarrow (1 - \eta \lambda) F_j - \eta \, dL/dF_j, \qquad
      \delta_j \leftarrow (1 - \eta \lambda)^2 \delta_j
        + \eta^2 (c^2 |G|^2 - c_j^2 \langle F_1, G \rangle^2)$$

    with `F_1` the column (or row), the other factors numbers, \(c\) the product of all numbers and
    \(c_j\) that of all but `F_j`. The kernel and \(\delta_j = |F_1|^2 - F_j^2\) determine the
    factors up to signs that cancel in the product, so that these two alone are followed, at any
    depth and without an approximation, however large the rate. `unbalanced_update` is the limit of
    small rates.

    Args:
        kernel: float32 or float64 tensor `K` of shape (..., in, 1) or (..., 1, out). Where it is
            exactly 0 and `F_1` is not, it does not tell the direction of `F_1`, and stays 0.
        gradient: Tensor of the same shape, `G = dL/dK`.
        imbalance: Tensor of shape (..., N - 1), \(\delta\) as `conserved_imbalance` returns it.
        learning_rate: \(\eta\), a number or a tensor of shape (..., 1, 1).
        weight_decay: \(\lambda\) of every factor, likewise; default 0.

    Returns:
        `WidthOneStep(kernel, imbalance)`.

    Raises:
        InputError: If the kernel is no finite row or column, or the shapes do not fit.

    Source: Arora, Cohen & Hazan 2018, section 5 (the factors' update), without the limit.

    Example: the factors 3 and 2 with G = 1 become 3 - 0.5 * 2 and 2 - 0.5 * 3.

        >>> import numpy as np
        >>> one, delta = np.array([[1.0]]), np.array([9.0 - 4.0])
        >>> step = width_one_step(6 * one, one, delta, learning_rate=0.5)
        >>> bool(np.allclose(step.kernel, 2.0 * 0.5)), bool(np.allclose(step.imbalance, 3.75))
        (True, True)
    """
    kernel = check_single_output(kernel)
    gradient = check_gradient(gradient, kernel)
    imbalance = check_imbalance(imbalance, kernel)
    rate = check_rate("learning_rate", learning_rate, kernel)
    decay = check_rate("weight_decay", weight_decay, kernel)
    return exact_width_one(kernel, gradient, imbalance, rate, 1 - rate * decay)


def exact_width_one(
    kernel: Tensor, gradient: Tensor, imbalance: Tensor, rate: Tensor, shrink: Tensor
) -> WidthOneStep:
    """Return the same as `width_one_step`, with `shrink = 1 - eta lambda` and without checks."""
    first, *numbers = (ops.sqrt(square) for square in squared_sizes(kernel, imbalance))
    vector = first * direction(kernel)
    along = ops.sum(vector * gradient, axis=(-2, -1), keepdims=True)
    all_numbers = product(numbers)
    others = [product(numbers, without=j) for j in range(len(numbers))]
    moved = [shrink * a - rate * other * along for a, other in zip(numbers, others, strict=True)]
    new_kernel = (shrink * vector - rate * all_numbers * gradient) * product(moved)
    if not others:
        return WidthOneStep(new_kernel, imbalance)
    # The terms of first order cancel: written out, small differences keep their digits.
    square = ops.sum(ops.square(all_numbers * gradient), axis=(-2, -1), keepdims=True)
    terms = [square - ops.square(other * along) for other in others]
    growth = ops.concatenate(terms, axis=-1)[..., 0, :]
    old = ops.square(shrink)[..., 0] * imbalance
    return WidthOneStep(new_kernel, old + ops.square(rate)[..., 0] * growth)


def depth_two_step(
    kernel: Tensor,
    gradient: Tensor,
    left: Tensor,
    right: Tensor,
    learning_rate: Tensor,
    weight_decay: Tensor = 0.0,
) -> DepthTwoStep:
    r"""Return a kernel of any shape after one step of gradient descent on its two factors.

    $$K \leftarrow s^2 K - s \eta (A G + G B) + \eta^2 G K^\top G, \qquad
      A \leftarrow s^2 A - s \eta (G K^\top + K G^\top) + \eta^2 G B G^\top, \qquad
      B \leftarrow s^2 B - s \eta (G^\top K + K^\top G) + \eta^2 G^\top A G$$

    with \(A = F_1 F_1^\top\), \(B = F_2^\top F_2\) and \(s = 1 - \eta \lambda\). Whatever the inner
    width, the balance and the rate, these three determine themselves without an approximation.

    With an inner width below min(in, out) the product cannot leave that rank, while rounding errors
    of these matrices can, and grow where the loss asks for a higher one: a few hundred steps then
    differ from the factors by more than round-off.

    Args:
        kernel: float32 or float64 tensor `K` of shape (..., in, out).
        gradient: Tensor of the same shape, `G = dL/dK`.
        left: Tensor of shape (..., in, in), the matrix `A`.
        right: Tensor of shape (..., out, out), the matrix `B`.
        learning_rate: \(\eta\), a number or a tensor of shape (..., 1, 1).
        weight_decay: \(\lambda\) of both factors, likewise; default 0.

    Returns:
        `DepthTwoStep(kernel, left, right)`.

    Raises:
        InputError: If the kernel is no finite float matrix, or the shapes do not fit.

    Source: Arora, Cohen & Hazan 2018, section 5 (the factors' update), without the limit.

    Example: the factors 3 and 2 with G = 1 become 3 - 0.5 * 2 and 2 - 0.5 * 3.

        >>> import numpy as np
        >>> one = np.array([[1.0]])
        >>> step = depth_two_step(6 * one, one, 9 * one, 4 * one, learning_rate=0.5)
        >>> [np.array(matrix).item() for matrix in step]
        [1.0, 4.0, 0.25]
    """
    kernel = check_kernel(kernel)
    gradient = check_gradient(gradient, kernel)
    left, right = check_gram("left", left, kernel, -2), check_gram("right", right, kernel, -1)
    rate = check_rate("learning_rate", learning_rate, kernel)
    decay = check_rate("weight_decay", weight_decay, kernel)
    return exact_depth_two(kernel, gradient, left, right, rate, 1 - rate * decay)


def exact_depth_two(
    kernel: Tensor, gradient: Tensor, left: Tensor, right: Tensor, rate: Tensor, shrink: Tensor
) -> DepthTwoStep:
    """Return the same as `depth_two_step`, with `shrink = 1 - eta lambda` and without checks."""
    first, second, square = ops.square(shrink), shrink * rate, ops.square(rate)
    on_left, on_right = matmul(left, gradient), matmul(gradient, right)
    outer, inner = matmul(gradient, transpose(kernel)), matmul(transpose(gradient), kernel)
    return DepthTwoStep(
        first * kernel - second * (on_left + on_right) + square * matmul(outer, gradient),
        first * left
        - second * (outer + transpose(outer))
        + square * matmul(on_right, transpose(gradient)),
        first * right
        - second * (inner + transpose(inner))
        + square * matmul(transpose(gradient), on_left),
    )
