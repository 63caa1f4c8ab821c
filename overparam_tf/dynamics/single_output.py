"""The end-to-end rule of a single output: an adaptive learning rate and a direction of momentum."""

from __future__ import annotations

from keras import ops

from overparam_tf.dynamics.checks import Tensor, check_depth, check_gradient, check_single_output
from overparam_tf.dynamics.matrices import or_one
from overparam_tf.dynamics.spectrum import null_eigenvalues


def effective_learning_rate(kernel: Tensor, depth: Tensor) -> Tensor:
    r"""Return the factor by which depth multiplies the learning rate of a single-output kernel.

    $$|w|^{2-2/N}$$

    Args:
        kernel: Float tensor of shape (..., in, 1) or (..., 1, out), the weights `w`; leading axes
            stack runs.
        depth: Number `N >= 1`, or a tensor of shape (..., 1, 1).

    Returns:
        Tensor of shape (..., 1, 1): it multiplies the kernel's gradient.

    Raises:
        InputError: If the kernel has several inputs and several outputs, or is not finite, or the
            depth is below 1.

    Source: Arora, Cohen & Hazan 2018, Claim 2.

    Example:
        >>> import numpy as np
        >>> float(effective_learning_rate(np.array([[3.0], [4.0]]), depth=2)[0, 0])
        5.0
    """
    kernel = check_single_output(kernel)
    check_depth(depth, kernel)
    return null_eigenvalues(norm(kernel), depth)


def momentum_direction(kernel: Tensor, gradient: Tensor, depth: Tensor) -> Tensor:
    r"""Return what depth adds to the gradient of a single-output kernel: a step along the kernel.

    $$(N - 1) \, \mathrm{Pr}_w(g), \qquad
      \mathrm{Pr}_w(g) = \frac{\langle w, g \rangle}{|w|^2} \, w$$

    with \(\mathrm{Pr}_0(g) = 0\). Since `w` is the way already made, this acts as momentum does.
    The whole rule is `effective_learning_rate(w, N) * (g + momentum_direction(w, g, N))`.

    Args:
        kernel: Float tensor of shape (..., in, 1) or (..., 1, out), the weights `w`.
        gradient: Tensor of the same shape, `g`.
        depth: Number `N >= 1`, or a tensor of shape (..., 1, 1).

    Returns:
        Tensor of the kernel's shape.

    Raises:
        InputError: If the kernel has several inputs and several outputs, or is not finite, the
            shapes differ, or the depth is below 1.

    Source: Arora, Cohen & Hazan 2018, Claim 2.

    Example:
        >>> import numpy as np
        >>> w, g = np.array([[2.0], [0.0]]), np.array([[1.0], [7.0]])
        >>> np.array(momentum_direction(w, g, depth=3)).ravel().tolist()
        [2.0, 0.0]
    """
    kernel = check_single_output(kernel)
    gradient = check_gradient(gradient, kernel)
    check_depth(depth, kernel)
    return _momentum_direction(kernel, gradient, depth)


def single_output_rule(kernel: Tensor, gradient: Tensor, depth: Tensor) -> Tensor:
    """Return `|w|^(2-2/N) (g + (N-1) Pr_w(g))` for one row or column, without checks."""
    turned = gradient + _momentum_direction(kernel, gradient, depth)
    return null_eigenvalues(norm(kernel), depth) * turned


def projection(kernel: Tensor, gradient: Tensor) -> Tensor:
    """Return `Pr_w(g)`, the part of `g` along `w`; 0 for `w = 0`."""
    unit, square, _ = _scaled(kernel)
    product = ops.sum(unit * gradient, axis=(-2, -1), keepdims=True)
    return (product / square) * unit


def norm(kernel: Tensor) -> Tensor:
    """Return `|w|`, shape (..., 1, 1)."""
    _, square, scale = _scaled(kernel)
    return scale * ops.sqrt(square)


def direction(kernel: Tensor) -> Tensor:
    """Return `w / |w|`; 0 for `w = 0`."""
    unit, square, _ = _scaled(kernel)
    return unit / ops.sqrt(square)


def hypotenuse(first: Tensor, second: Tensor) -> Tensor:
    """Return `sqrt(a^2 + b^2)` of numbers >= 0, also where their squares underflow."""
    larger = ops.where(first > second, first, second + ops.zeros_like(first))
    scale = ops.stop_gradient(or_one(larger))
    square = ops.square(first / scale) + ops.square(second / scale)
    return ops.where(ops.equal(larger, 0), larger, scale * ops.sqrt(or_one(square)))


def _momentum_direction(kernel: Tensor, gradient: Tensor, depth: Tensor) -> Tensor:
    return (ops.convert_to_tensor(depth, kernel.dtype) - 1) * projection(kernel, gradient)


def _scaled(kernel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return `w / max|w|`, its squared norm, and `max|w|`; for w = 0: zeros, 1, 0.

    Without the scale `|w|^2` underflows in float32 below |w| = 1e-19, where near-zero starts of
    deep products lie. The result of the three does not depend on the scale, which is therefore a
    constant for derivatives.
    """
    scale = ops.stop_gradient(ops.max(ops.abs(kernel), axis=(-2, -1), keepdims=True))
    unit = kernel / or_one(scale)
    square = ops.sum(ops.square(unit), axis=(-2, -1), keepdims=True)
    return unit, or_one(square), scale
