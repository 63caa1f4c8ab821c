"""The rules of depth 2, 4 and 8 and of wide Gaussian factors by matrix products alone, no SVD."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real

from keras import backend, ops

from overparam_tf.dynamics.checks import Tensor
from overparam_tf.dynamics.matrices import is_on_gpu, matmul, transpose
from overparam_tf.dynamics.polar import polar_factor, roots_of

METHODS = ("auto", "svd", "products")
# By depth, the min(in, out) from which on products are faster than an SVD. Measured on two cores in
# float32 at depth 2: 0.9 against 1.7 ms for a 128 x 10 kernel and 57 against 115 ms for 256 x 256
# in a graph of TensorFlow, 2.3 against 67 ms for 32 x 32 under XLA, 0.8 against 248 ms for 128 x 64
# on JAX. Depths 4 and 8 take up to three times as long: 1.0 against 0.9 ms for 16 x 16 in a graph,
# 1.4 against 7.3 ms under XLA, where the SVD of larger kernels takes seconds. On a processor JAX
# and PyTorch have LAPACK's SVD, compiled or not: depth 4 takes 27 against 12 ms for 128 x 128.
MIN_SIZES = {2: 2, 4: 16, 8: 16}
# Inverse of a matrix with eigenvalues in [1, 2]: errors of 1/3 become 1/9, 1/81, ..., 5e-16.
INVERSE_STEPS = 5


def rule_by_products(kernel: Tensor, gradient: Tensor, depth: int) -> Tensor:
    r"""Return the same as `end_to_end_update` for depth 2, 4 or 8, without its checks.

    With `Q` the polar factor of `K` and `H = (K^T K)^(1/2) = Q^T K` the rule of depth 2 is

    $$(K K^\top)^{1/2} G + G (K^\top K)^{1/2} = K (Q^\top G) + G H.$$

    The sum of depth 4 is a product of two such maps, `G R + Q R Q^T G` with `R = H^(1/2)` and then
    the one above, since `(a + b) (a^2 + b^2) = a^3 + a^2 b + a b^2 + b^3`; that of depth 8 begins
    with `H^(1/4)`.

    Args:
        kernel: Float tensor of shape (..., in, out).
        gradient: Tensor of the same shape.
        depth: 2, 4 or 8.

    Example:
        >>> import numpy as np
        >>> kernel, ones = ops.convert_to_tensor(np.diag([8.0, 1.0])), ops.ones((2, 2), "float64")
        >>> bool(np.allclose(rule_by_products(kernel, ones, 2), [[16, 9], [9, 2]]))
        True
    """
    return _on_tall(lambda k, g: _tall_rule(k, g, depth), kernel, gradient)


def has_products(depth: Tensor) -> bool:
    """Return whether the rule of a depth is one of matrix products."""
    return isinstance(depth, Real) and depth in MIN_SIZES


def takes_products(kernel: Tensor, depth: int, method: str) -> bool:
    """Return whether a kernel takes the route by products, at a depth that has one."""
    if method != "auto":
        return method == "products"
    if depth > 2 and backend.backend() != "tensorflow" and not is_on_gpu(kernel):
        return False
    return min(kernel.shape[-2:]) >= MIN_SIZES[depth]


def mixed_by_products(kernel: Tensor, gradient: Tensor, spread: Tensor) -> Tensor:
    """Return the same as `mixed_update`, without its checks."""
    return _on_tall(lambda k, g: _tall_mixed(k, g, spread), kernel, gradient)


def _on_tall(rule: Callable[[Tensor, Tensor], Tensor], kernel: Tensor, gradient: Tensor) -> Tensor:
    if kernel.shape[-2] >= kernel.shape[-1]:
        return rule(kernel, gradient)
    # Each rule of K^T and G^T is the transpose of that of K and G. Times 1: Keras cannot transpose
    # a variable of TensorFlow.
    return transpose(rule(transpose(1.0 * kernel), transpose(gradient)))


def _tall_rule(kernel: Tensor, gradient: Tensor, depth: int) -> Tensor:
    factor = polar_factor(kernel)
    root = matmul(transpose(factor), kernel)
    count = depth.bit_length() - 2  # 0, 1 and 2 at depth 2, 4 and 8
    roots = roots_of(root, count, kernel.shape[-2]) if count else []
    for smaller in reversed(roots):
        turned = matmul(smaller, matmul(transpose(factor), gradient))
        gradient = matmul(gradient, smaller) + matmul(factor, turned)
    return matmul(kernel, matmul(transpose(factor), gradient)) + matmul(gradient, root)


def _tall_mixed(kernel: Tensor, gradient: Tensor, spread: Tensor) -> Tensor:
    # The stack S = [K; t I] has S^T S = H^2 with H = (K^T K + t^2)^(1/2). Its polar factor S / H
    # has the parts K / H and t / H, and (K K^T + t^2)^(1/2) = t + K (H + t)^(-1) K^T
    # = t + (K / H) (1 + t / H)^(-1) K^T.
    size = kernel.shape[-1]
    identity = ops.eye(size, dtype=kernel.dtype)
    floor = spread * identity + ops.zeros_like(kernel[..., :1, :])
    factor = polar_factor(ops.concatenate([kernel, floor], axis=-2))
    upper, lower = factor[..., :-size, :], factor[..., -size:, :]
    root = matmul(transpose(upper), kernel) + spread * lower
    inverse = identity * (2 / 3)
    for _ in range(INVERSE_STEPS):
        inverse = 2 * inverse - matmul(inverse, inverse + matmul(lower, inverse))
    turned = matmul(upper, matmul(inverse, matmul(transpose(kernel), gradient)))
    return spread * gradient + turned + matmul(gradient, root)
