"""The eigenvalues of the end-to-end preconditioner, as functions of pairs of singular values."""

from __future__ import annotations

from keras import ops

from overparam_tf.dynamics.checks import Tensor, check_depth, check_singular_values


def null_eigenvalues(singular_values: Tensor, depth: Tensor) -> Tensor:
    r"""Return \(s^{2-2/N}\), the eigenvalue of a singular direction paired with a null direction.

    At `s = 0` it is 0 for `N > 1`, and 1 for `N = 1`, where the preconditioner is the identity. Its
    derivative there is taken as 0 (for `1 < N < 2` it is infinite).

    Args:
        singular_values: Float tensor, non-negative.
        depth: Number `N >= 1`, or a tensor that broadcasts against `singular_values`.

    Returns:
        Tensor of the shape of `singular_values`.

    Example:
        >>> from keras import ops
        >>> ops.convert_to_numpy(null_eigenvalues(ops.array([0.0, 4.0]), depth=2)).tolist()
        [0.0, 4.0]
    """
    depth = ops.convert_to_tensor(depth, singular_values.dtype)
    is_zero = ops.equal(singular_values, 0)
    positive = ops.where(is_zero, ops.ones_like(singular_values), singular_values)
    at_zero = ops.cast(ops.equal(depth, 1), singular_values.dtype)
    return ops.where(is_zero, at_zero, ops.power(positive, 2 - 2 / depth))


def pair_eigenvalues(left: Tensor, right: Tensor, depth: Tensor) -> Tensor:
    r"""Return the eigenvalue of every pair of singular values, for any real depth `N >= 1`.

    For a pair `(s, s')` with `a = s^(2/N)`, `b = s'^(2/N)` the sum of Claim 1 is geometric,

    $$\sum_{j=1}^{N} a^{N-j} b^{j-1} = \frac{a^N - b^N}{a - b}
      = \frac{s^2 - s'^2}{s^{2/N} - s'^{2/N}},$$

    and the right-hand side has a meaning for fractional `N`. Let `s >= s'` (the sum is symmetric)
    and `t = log(b / a) = (2/N) log(s'/s) <= 0`. Then

    $$\frac{a^N - b^N}{a - b} = a^{N-1} \, \frac{1 - e^{Nt}}{1 - e^{t}}
      = s^{2-2/N} \, \frac{\mathrm{expm1}(Nt)}{\mathrm{expm1}(t)},$$

    where the fraction runs from 1 (`s' = 0`) to `N` (`s' = s`). No digits are lost for nearly equal
    singular values: each `expm1` is accurate to rounding, and the rounding of `t` is common to
    both, where the fraction is a smooth function of it.

    Args:
        left: Float tensor of shape (..., m), non-negative.
        right: Tensor of shape (..., n), non-negative.
        depth: Number `N >= 1`, or a tensor of shape (..., 1, 1).

    Returns:
        Tensor of shape (..., m, n).

    Raises:
        InputError: If singular values are negative, not finite or no floats, or the depth is below
            1.

    Source: Arora, Cohen & Hazan 2018, Claim 1.

    Example:
        Depth 3 with `s = 8, s' = 1` has `a = 4, b = 1` and the sum `16 + 4 + 1`.

        >>> import numpy as np
        >>> from keras import ops
        >>> values = pair_eigenvalues(ops.array([8.0]), ops.array([1.0, 8.0, 0.0]), depth=3)
        >>> bool(np.allclose(values, [[21.0, 48.0, 16.0]]))
        True
    """
    left = check_singular_values("left", left)
    right = check_singular_values("right", right)
    check_depth(depth, left[..., None])
    return geometric_sums(left, right, depth)


def geometric_sums(left: Tensor, right: Tensor, depth: Tensor) -> Tensor:
    """Return the same as `pair_eigenvalues`, without its checks."""
    left, right = left[..., :, None], right[..., None, :]
    depth = ops.convert_to_tensor(depth, left.dtype)
    # Not `ops.maximum` and `ops.minimum`, which on PyTorch turn float64 into float32.
    in_order = ops.less_equal(right, left)
    larger, smaller = ops.where(in_order, left, right), ops.where(in_order, right, left)
    ratio = smaller / ops.where(ops.equal(larger, 0), ops.ones_like(larger), larger)
    # The two ends of the fraction are set apart; a harmless ratio there keeps NaN out of value and
    # gradient. A ratio that is NaN counts as inside, and stays NaN.
    inside = ops.logical_and(ops.not_equal(ratio, 0), ops.not_equal(ratio, 1))
    log_ratio = 2 * ops.log(ops.where(inside, ratio, 0.5 * ops.ones_like(ratio)))
    fraction = ops.expm1(log_ratio) / ops.expm1(log_ratio / depth)
    at_the_ends = ops.where(ops.equal(ratio, 0), ops.ones_like(ratio), depth)
    return null_eigenvalues(larger, depth) * ops.where(inside, fraction, at_the_ends)
