"""The end-to-end rule of a single output: a learning rate that adapts, and a momentum-like direction."""

from __future__ import annotations

from keras import ops

from overparam_tf.dynamics.checks import check_depth, check_gradient, check_kernel, is_single_output
from overparam_tf.dynamics.spectrum import null_eigenvalues
from overparam_tf.errors import InputError


def effective_learning_rate(kernel, depth):
    r"""Return the factor by which depth multiplies the learning rate of a single-output kernel.

    $$|w|^{2-2/N}$$

    Args:
        kernel: float tensor of shape (..., in, 1) or (..., 1, out), the weights `w`; leading axes stack runs.
        depth: number `N >= 1`, or a tensor of shape (..., 1, 1).

    Returns:
        Tensor of shape (..., 1, 1): it multiplies the kernel's gradient.

    Raises:
        InputError: for a kernel with several inputs and outputs, or that is not finite, or a depth below 1.

    Source: Arora, Cohen & Hazan 2018, Claim 2.

    Example:
    >>> import numpy as np
    >>> float(effective_learning_rate(np.array([[3.0], [4.0]]), depth=2)[0, 0])
    5.0
    """
    kernel = _check_single_output(check_kernel(kernel))
    check_depth(depth, kernel)
    return null_eigenvalues(_norm(kernel), depth)


def momentum_direction(kernel, gradient, depth):
    r"""Return what depth adds to the gradient of a single-output kernel, a step along the way already made.

    $$(N - 1) \, \mathrm{Pr}_w(g), \qquad \mathrm{Pr}_w(g) = \frac{\langle w, g \rangle}{|w|^2} \, w$$

    with \(\mathrm{Pr}_0(g) = 0\). The whole rule is
    `effective_learning_rate(w, N) * (g + momentum_direction(w, g, N))`.

    Args:
        kernel: float tensor of shape (..., in, 1) or (..., 1, out), the weights `w`.
        gradient: tensor of the same shape, `g`.
        depth: number `N >= 1`, or a tensor of shape (..., 1, 1).

    Returns:
        Tensor of the kernel's shape.

    Raises:
        InputError: for a kernel with several inputs and outputs, or that is not finite, unequal shapes, or a
            depth below 1.

    Source: Arora, Cohen & Hazan 2018, Claim 2.

    Example:
    >>> import numpy as np
    >>> w, g = np.array([[2.0], [0.0]]), np.array([[1.0], [7.0]])
    >>> np.array(momentum_direction(w, g, depth=3)).ravel().tolist()
    [2.0, 0.0]
    """
    kernel = _check_single_output(check_kernel(kernel))
    gradient = check_gradient(gradient, kernel)
    check_depth(depth, kernel)
    return _momentum_direction(kernel, gradient, depth)


def single_output_rule(kernel, gradient, depth):
    """Return `|w|^(2-2/N) (g + (N-1) Pr_w(g))`, unchecked; `precondition` calls it for one row or column."""
    return null_eigenvalues(_norm(kernel), depth) * (
        gradient + _momentum_direction(kernel, gradient, depth)
    )


def _momentum_direction(kernel, gradient, depth):
    unit, square, _ = _scaled(kernel)
    product = ops.sum(unit * gradient, axis=(-2, -1), keepdims=True)
    return (ops.convert_to_tensor(depth, kernel.dtype) - 1) * (product / square) * unit


def _norm(kernel):
    _, square, scale = _scaled(kernel)
    return scale * ops.sqrt(square)


def _scaled(kernel):
    """Return `w / max|w|`, its squared norm, and `max|w|`; for w = 0: zeros, 1, 0.

    Without the scale `|w|^2` underflows in float32 below |w| = 1e-19, where near-zero starts of deep
    products lie. What is built from the three does not depend on the scale, which is a constant as far
    as derivatives go.
    """
    scale = ops.stop_gradient(ops.max(ops.abs(kernel), axis=(-2, -1), keepdims=True))
    is_zero = ops.equal(scale, 0)
    unit = kernel / ops.where(is_zero, ops.ones_like(scale), scale)
    square = ops.sum(ops.square(unit), axis=(-2, -1), keepdims=True)
    return unit, ops.where(is_zero, ops.ones_like(square), square), scale


def _check_single_output(kernel):
    if not is_single_output(kernel):
        raise InputError(
            "Expected a kernel of shape (in, 1) or (1, out); end_to_end_update takes any other. "
            f"Received: kernel.shape={tuple(kernel.shape)}"
        )
    return kernel
