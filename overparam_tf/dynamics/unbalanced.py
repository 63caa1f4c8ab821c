"""The end-to-end rule of factors that are not balanced: one output, width 1, any depth."""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from overparam_tf.dynamics.checks import (
    Tensor,
    check_factors,
    check_gradient,
    check_imbalance,
    check_single_output,
)
from overparam_tf.dynamics.matrices import or_one
from overparam_tf.dynamics.single_output import hypotenuse, norm, projection
from overparam_tf.errors import InputError

# Newton's steps to rounding: the most that 20,000 draws of gaps over 32 decades took, at any depth.
NEWTON_STEPS = 7


def conserved_imbalance(factors: Sequence[Tensor]) -> Tensor:
    r"""Return what gradient flow conserves of factors whose product is one row or column.

    $$\delta_j = |F_1|^2 - F_j^2, \qquad j = 2, \dots, N$$

    for a column `F_1` of shape (in, 1) and numbers `F_2, ..., F_N`. For a row it is the last factor
    that has shape (1, out), and the numbers are those before it. Balanced factors have
    \(\delta = 0\). Gradient descent over a fixed time changes it in proportion to the learning
    rate.

    Args:
        factors: The N tensors of shapes (..., in, 1), (..., 1, 1), ..., (..., 1, 1), or for a row
            (..., 1, 1), ..., (..., 1, 1), (..., 1, out); leading axes stack runs.

    Returns:
        Tensor of shape (..., N - 1), the numbers in the order of the factors.

    Raises:
        InputError: If the factors are no such list.

    Source: Arora, Cohen & Hazan 2018, proof of Theorem 1 (what the flow conserves).

    Example:
        >>> import numpy as np
        >>> factors = [np.array([[3.0], [4.0]]), np.array([[2.0]]), np.array([[1.0]])]
        >>> np.array(conserved_imbalance(factors)).tolist()
        [21.0, 24.0]
    """
    tensors = check_factors(factors)
    shapes = [tuple(tensor.shape) for tensor in tensors]
    *before, last = tensors
    is_row = bool(before) and last.shape[-1] > 1
    vector, *numbers = [last, *before] if is_row else tensors
    are_numbers = all(tuple(one.shape[-2:]) == (1, 1) for one in numbers)
    if 1 not in tuple(vector.shape[-2:]) or not are_numbers:
        raise InputError(
            "Expected a column and numbers, (in, 1), (1, 1), .., or numbers and a row for factors; "
            f"balance_defect takes any other. Received: shapes={shapes}"
        )
    size = ops.sum(ops.square(vector), axis=(-2, -1))
    differences = [size - ops.sum(ops.square(one), axis=(-2, -1)) for one in numbers]
    if not differences:
        return ops.zeros((*tuple(size.shape), 0), size.dtype)
    return ops.stack(differences, axis=-1)


def unbalanced_update(kernel: Tensor, gradient: Tensor, imbalance: Tensor) -> Tensor:
    r"""Return the gradient in a kernel as a product of factors that are not balanced turns it.

    $$P_{K, \delta}(G) = \prod_{j>1} a_j^2 \, G
      + \sum_{j>1} \prod_{i \neq j} a_i^2 \; \mathrm{Pr}_K G, \qquad
      \prod_j a_j = |K|, \quad a_1^2 - a_j^2 = \delta_j$$

    for one output (or one input) and inner widths of 1, where `a_1` is the norm of the factor that
    is a column (or row) and `a_2, ..., a_N` are the sizes of the numbers. Gradient flow conserves
    \(\delta\), so that the kernel and these N - 1 numbers determine all sizes: at depth 2
    \(a_2^2 = (\sqrt{\delta^2 + 4 |K|^2} - \delta) / 2\), otherwise the largest root of
    \(\prod_j (a_1^2 - \delta_j) = |K|^2\) with \(\delta_1 = 0\). With \(\delta = 0\) this is
    Claim 2, and depth 1 is gradient descent. Under gradient descent from any start the gap to real
    factors is proportional to the learning rate, once that is small. Where one of the numbers
    passes zero the kernel does too, and its direction is known from no closer than a step, so that
    such runs need smaller rates; `Variant(update="exact")` needs none.

    At `K = 0` the projection is taken as 0. This is exact where the column is 0; where a number is
    0 instead, the kernel does not tell the direction in which the factors move.

    Args:
        kernel: float32 or float64 tensor `K` of shape (..., in, 1) or (..., 1, out).
        gradient: Tensor of the same shape, `G = dL/dK`.
        imbalance: Tensor of shape (..., N - 1), \(\delta\) as `conserved_imbalance` returns it.

    Returns:
        Tensor of the kernel's shape and dtype.

    Raises:
        InputError: If the kernel is no finite row or column, or the shapes do not fit.

    Source: Arora, Cohen & Hazan 2018, Claim 2, without its assumption of balance; Kunin et al.,
        "Get rich quick" (NeurIPS 2024).

    Example: factors (3, 4) and 2, so that `K = (6, 8)`; a gradient across `K` meets `2^2`, one
        along it `2^2 + 5^2`.

        >>> import numpy as np
        >>> kernel, delta = np.array([[6.0], [8.0]]), np.array([25.0 - 4.0])
        >>> across, along = np.array([[4.0], [-3.0]]), np.array([[3.0], [4.0]])
        >>> bool(np.allclose(unbalanced_update(kernel, across, delta), 4 * across))
        True
        >>> bool(np.allclose(unbalanced_update(kernel, along, delta), 29 * along))
        True
    """
    kernel = check_single_output(kernel)
    gradient = check_gradient(gradient, kernel)
    return unbalanced_rule(kernel, gradient, check_imbalance(imbalance, kernel))


def unbalanced_rule(kernel: Tensor, gradient: Tensor, imbalance: Tensor) -> Tensor:
    """Return the same as `unbalanced_update`, without its checks."""
    _, *numbers = squares = squared_sizes(kernel, imbalance)
    along = sum(
        (product(squares, without=j) for j in range(1, len(squares))), ops.zeros_like(squares[0])
    )
    return product(numbers) * gradient + along * projection(kernel, gradient)


def squared_sizes(kernel: Tensor, imbalance: Tensor) -> list[Tensor]:
    r"""Return \(a_1^2, ..., a_N^2\), each of shape (..., 1, 1), see `unbalanced_update`.

    All are written as `u + gap_j` with gaps >= 0 of which one is 0: `a_1^2 = u + max(0, delta)`.
    So small sizes keep their digits beside large ones.
    """
    size = norm(kernel)
    deltas = [imbalance[..., j, None, None] for j in range(imbalance.shape[-1])]
    floor = ops.zeros_like(size)
    for delta in deltas:
        floor = ops.where(delta > floor, delta, floor)
    gaps = [floor, *(floor - delta for delta in deltas)]
    smallest = _pair_root(size, *deltas) if len(deltas) == 1 else _root(size, gaps)
    return [smallest + gap for gap in gaps]


def product(values: Sequence[Tensor], without: int | None = None) -> Tensor:
    """Return the product of tensors, or of all but one of them; 1 for none."""
    total = 1.0
    for index, value in enumerate(values):
        if index != without:
            total = total * value
    return total


def _pair_root(size: Tensor, delta: Tensor) -> Tensor:
    """Return the root u of `u (u + |delta|) = size^2`, without cancellation or underflow."""
    distance, twice = ops.abs(delta), 2 * size
    return twice * (size / or_one(hypotenuse(distance, twice) + distance))


def _root(size: Tensor, gaps: Sequence[Tensor]) -> Tensor:
    r"""Return the root u >= 0 of `prod_j (u + gap_j) = size^2`.

    With `c = size^(2/N)` and `u = c e^t` it is the root of `h(t) = sum_j log(e^t + gap_j / c)`,
    which rises with a slope from 1 to N and is convex. `h(0) >= 0`, so that Newton's steps from
    `t = 0` fall onto the root and never pass it.
    """
    depth = len(gaps)
    is_zero = ops.equal(size, 0)
    # A tensor: on PyTorch the exponent would be one of float32.
    scale = ops.power(or_one(size), ops.convert_to_tensor(2 / depth, size.dtype))
    relative = ops.stack([gap / scale for gap in gaps], axis=0)
    exponent = ops.zeros_like(scale)
    for _ in range(NEWTON_STEPS):
        terms = ops.exp(exponent) + relative
        slope = ops.sum(ops.exp(exponent) / terms, axis=0)
        exponent = exponent - ops.sum(ops.log(terms), axis=0) / slope
    return ops.where(is_zero, ops.zeros_like(scale), scale * ops.exp(exponent))
