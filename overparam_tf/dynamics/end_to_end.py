"""The end-to-end rule: what gradient descent on the N factors of a kernel does to the kernel."""

from __future__ import annotations

from numbers import Real

from overparam_tf.checks import one_of
from overparam_tf.dynamics.checks import (
    Tensor,
    check_depth,
    check_gradient,
    check_kernel,
    is_single_output,
)
from overparam_tf.dynamics.preconditioning import Preconditioner
from overparam_tf.dynamics.products import (
    METHODS,
    has_products,
    rule_by_products,
    takes_products,
)
from overparam_tf.dynamics.single_output import single_output_rule
from overparam_tf.errors import input_error


def end_to_end_update(
    kernel: Tensor, gradient: Tensor, depth: Tensor, *, method: str = "auto"
) -> Tensor:
    r"""Return the gradient in a kernel as a product of `depth` balanced factors turns it.

    $$P_K(G) = \sum_{j=1}^{N} [K K^\top]^{\frac{j-1}{N}} \, G \, [K^\top K]^{\frac{N-j}{N}}, \qquad
      K \leftarrow (1 - \eta \lambda N) K - \eta \, P_K(G)$$

    The function returns `P_K(G)`; the step, with learning rate `eta` and weight decay `lambda`, is
    the caller's. Depth 1 is gradient descent. The sum is evaluated in the kernel's singular basis,
    where it also has a meaning for fractional `N` (see `pair_eigenvalues`); for `in = 1` or
    `out = 1` it is `|w|^(2-2/N) (g + (N-1) Pr_w(g))`.

    The result is finite for every finite kernel, rank-deficient ones and 0 included; at 0 it is 0
    for `N > 1`. It is linear in `gradient`. In `kernel` it can be differentiated everywhere for one
    row or column (at 0 the derivative is taken as 0), otherwise where the singular values are
    distinct and positive.

    Kernels with several inputs and outputs take one of two routes. One is an SVD. For depth 2, 4
    and 8 the other needs matrix products alone: with the polar factor `Q` of `K`, which
    Newton-Schulz iterations give, depth 2 is `K (Q^T G) + G (Q^T K)`. Both are as accurate. By
    default they are taken wherever they are faster. XLA's SVD is slow to compile, and its time
    grows with the third to fourth power of min(in, out): at other depths leave XLA off from about
    16 on. On JAX always compile the function.

    Args:
        kernel: float32 or float64 tensor `K` of shape (..., in, out); leading axes stack
            independent kernels.
        gradient: Tensor of the same shape, `G = dL/dK`.
        depth: Number `N >= 1`, may be fractional, or a tensor (..., 1, 1) of one depth for each
            kernel.
        method: `"svd"`, `"products"` (for depth 2, 4 and 8), or `"auto"` (default), products where
            they are known to be faster: at depth 2, and from min(in, out) = 16 on at 4 and 8, but
            on JAX and PyTorch there on a GPU only.

    Returns:
        Tensor of the kernel's shape and dtype.

    Raises:
        InputError: If the kernel is no finite float matrix, the shapes differ, the depth is below
            1, or the method is not known or not there for the depth. Values are looked at in eager
            code only: inside a compiled function a diverged kernel gives NaN.

    Source: Arora, Cohen & Hazan 2018, Theorem 1, Claims 1 and 2.

    Example:
        At `w = (3, 4)` depth 2 multiplies by `|w| = 5`, and once more along `w`.

        >>> import numpy as np
        >>> w = np.array([[3.0], [4.0]])
        >>> along, across = np.array([[3.0], [4.0]]), np.array([[4.0], [-3.0]])
        >>> bool(np.allclose(end_to_end_update(w, along, depth=2), 10 * along))
        True
        >>> bool(np.allclose(end_to_end_update(w, across, depth=2), 5 * across))
        True
        >>> bool(np.array_equal(end_to_end_update(w, across, depth=1), across))
        True
    """
    kernel = check_kernel(kernel)
    gradient = check_gradient(gradient, kernel)
    check_depth(depth, kernel)
    one_of("method", method, METHODS)
    if method == "products" and not has_products(depth):
        raise input_error(f"depth 2, 4 or 8 for method={method!r}", depth=depth)
    return precondition(kernel, gradient, depth, method)


def precondition(kernel: Tensor, gradient: Tensor, depth: Tensor, method: str = "auto") -> Tensor:
    """Return the same as `end_to_end_update`, without its checks.

    A loop that must go on when a run has diverged needs this: NaN gives NaN, in eager code too.
    """
    if isinstance(depth, Real) and depth == 1:
        return gradient
    if is_single_output(kernel):
        return single_output_rule(kernel, gradient, depth)
    if has_products(depth) and takes_products(kernel, int(depth), method):
        return rule_by_products(kernel, gradient, int(depth))
    return Preconditioner.of(kernel, depth).apply(gradient)
