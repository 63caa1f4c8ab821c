"""The rule of two wide Gaussian factors: between Theorem 1 at depth 2 and gradient descent."""

from __future__ import annotations

from overparam_tf.checks import one_of
from overparam_tf.dynamics.checks import (
    Tensor,
    check_gradient,
    check_kernel,
    check_rate,
    is_single_output,
)
from overparam_tf.dynamics.matrices import matmul, or_one, transpose
from overparam_tf.dynamics.products import METHODS, mixed_by_products
from overparam_tf.dynamics.single_output import hypotenuse, norm, projection
from overparam_tf.dynamics.singular_basis import singular_basis


def mixed_update(
    kernel: Tensor, gradient: Tensor, spread: Tensor, *, method: str = "auto"
) -> Tensor:
    r"""Return the gradient in a kernel as a product of two wide Gaussian factors turns it.

    $$P_{K,t}(G) = (K K^\top + t^2 I)^{1/2} \, G + G \, (K^\top K + t^2 I)^{1/2}, \qquad
      t = \sigma^2 w$$

    for factors of inner width `w` whose entries are drawn from \(N(0, \sigma^2)\). They are not
    balanced: each carries about t in directions in which their product has nothing. `t = 0` is
    `end_to_end_update(kernel, gradient, depth=2)`; for `t` far above the kernel the rule is
    gradient descent with a learning rate times 2 t. Unlike Theorem 1 it moves a kernel of 0.

    The gap to real factors falls as the width grows, and with the learning rate; `t` stays the same
    throughout the training.

    Args:
        kernel: float32 or float64 tensor `K` of shape (..., in, out); leading axes stack
            independent kernels.
        gradient: Tensor of the same shape, `G = dL/dK`.
        spread: Number `t >= 0`, or a tensor (..., 1, 1) of one for each kernel.
        method: `"svd"`, or `"products"`, the polar factor of `[K; t I]` by matrix products alone;
            `"auto"` (default) takes products.

    Returns:
        Tensor of the kernel's shape and dtype.

    Raises:
        InputError: If the kernel is no finite float matrix, the shapes differ, `t` is negative,
            or the method is not known.

    Source: Tu, Aranguri & Jacot, "Mixed dynamics in linear networks" (NeurIPS 2024).

    Example: at `K = (3, 4)` and `t = 12` both roots are 5^2 + 12^2 = 13^2 along `K`, and across it
        they are 12 and 13.

        >>> import numpy as np
        >>> kernel, across = np.array([[3.0], [4.0]]), np.array([[4.0], [-3.0]])
        >>> bool(np.allclose(mixed_update(kernel, kernel, 12.0), 26 * kernel))
        True
        >>> bool(np.allclose(mixed_update(kernel, across, 12.0), 25 * across))
        True
    """
    kernel = check_kernel(kernel)
    gradient = check_gradient(gradient, kernel)
    one_of("method", method, METHODS)
    return mixed_rule(kernel, gradient, check_rate("spread", spread, kernel), method)


def mixed_rule(kernel: Tensor, gradient: Tensor, spread: Tensor, method: str = "auto") -> Tensor:
    """Return the same as `mixed_update`, without its checks."""
    if is_single_output(kernel):
        size = norm(kernel)
        root = hypotenuse(size, spread)
        lift = _lift(size, root, spread)
        return (root + spread) * gradient + lift * projection(kernel, gradient)
    if method != "svd":
        return mixed_by_products(kernel, gradient, spread)
    left, values, right = singular_basis(kernel)
    values = values[..., None, :]
    # Beyond t I, which multiplies every direction, the roots act within the bases alone.
    lift = _lift(values, hypotenuse(values, spread), spread)
    along_left = matmul(left * lift, matmul(transpose(left), gradient))
    along_right = matmul(matmul(gradient, right), transpose(right * lift))
    return 2 * spread * gradient + along_left + along_right


def _lift(size: Tensor, root: Tensor, spread: Tensor) -> Tensor:
    """Return `sqrt(s^2 + t^2) - t`, without cancellation."""
    return size * (size / or_one(root + spread))
