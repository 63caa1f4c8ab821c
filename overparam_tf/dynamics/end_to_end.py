"""The end-to-end rule: what gradient descent on the N factors of a kernel does to the kernel itself."""

from __future__ import annotations

from numbers import Real

from overparam_tf.dynamics.checks import check_depth, check_gradient, check_kernel, is_single_output
from overparam_tf.dynamics.preconditioner import Preconditioner
from overparam_tf.dynamics.single_output import single_output_rule


def end_to_end_update(kernel, gradient, depth):
    r"""Return the gradient as a product of `depth` balanced factors would see it.

    $$P_K(G) = \sum_{j=1}^{N} [K K^\top]^{\frac{j-1}{N}} \, G \, [K^\top K]^{\frac{N-j}{N}}, \qquad
      K \leftarrow (1 - \eta \lambda N) K - \eta \, P_K(G)$$

    The function returns `P_K(G)`; the step, with learning rate `eta` and weight decay `lambda`, is the
    caller's. Depth 1 is gradient descent. The sum is evaluated in the kernel's singular basis, where it
    also has a meaning for fractional `N` (see `pair_eigenvalues`); for `in = 1` or `out = 1` it is
    `|w|^(2-2/N) (g + (N-1) Pr_w(g))`.

    The result is finite for every finite kernel, 0 (where it is 0 for `N > 1`) and rank-deficient ones
    included. It is linear in `gradient`. In `kernel` it can be differentiated everywhere for one row or
    column (at 0 the derivative is taken as 0), else where the singular values are distinct and positive.

    On TensorFlow compile it with XLA for one row or column, and for small kernels. XLA's SVD is slow for large
    ones, its time grows with the third to fourth power of min(in, out): from about 16 on leave XLA off. On JAX
    always compile it.

    Args:
        kernel: float32 or float64 tensor `K` of shape (..., in, out); leading axes stack independent kernels.
        gradient: tensor of the same shape, `G = dL/dK`.
        depth: number `N >= 1`, may be fractional, or a tensor (..., 1, 1) with one depth a kernel.

    Returns:
        Tensor of the kernel's shape and dtype.

    Raises:
        InputError: for a kernel that is no finite float matrix, unequal shapes, or a depth below 1.
            Values are looked at in eager code only: inside a compiled function a diverged kernel gives
            NaN.

    Source: Arora, Cohen & Hazan 2018, Theorem 1, Claims 1 and 2.

    Example: at `w = (3, 4)` depth 2 multiplies by `|w| = 5`, and once more along `w`.

    >>> import numpy as np
    >>> w, along, across = np.array([[3.0], [4.0]]), np.array([[3.0], [4.0]]), np.array([[4.0], [-3.0]])
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
    return precondition(kernel, gradient, depth)


def precondition(kernel, gradient, depth):
    """Return what `end_to_end_update` does, unchecked: a diverged kernel gives NaN in eager code too."""
    if isinstance(depth, Real) and depth == 1:
        return gradient
    if is_single_output(kernel):
        return single_output_rule(kernel, gradient, depth)
    return Preconditioner.of(kernel, depth).apply(gradient)
