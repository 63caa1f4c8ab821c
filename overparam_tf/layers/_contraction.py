"""In which order to multiply ``x F_1 F_2 ... F_N``: the factors first, or the data through them."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

from keras import ops


def product(factors: Sequence[Any]) -> Any:
    """Return ``F_1 F_2 ... F_N``, multiplied from the side that costs fewer multiply-adds.

    Example:
        >>> ops.convert_to_numpy(product([ops.ones((1, 4)), ops.ones((4, 3)), ops.ones((3, 2))]))
        array([[12., 12.]], dtype=float32)
    """
    sizes = [factors[0].shape[0], *(factor.shape[1] for factor in factors)]
    if _cost_from_left(sizes) <= _cost_from_left(sizes[::-1]):
        return functools.reduce(_times, factors[1:], ops.convert_to_tensor(factors[0]))
    return functools.reduce(
        lambda right, left: _times(left, right), factors[-2::-1], ops.convert_to_tensor(factors[-1])
    )


def _times(left: Any, right: Any) -> Any:
    # Not `ops.matmul`, which under torch multiplies float64 in float32.
    return ops.einsum("ij,jk->ik", left, right)


def kernel_pays_above(sizes: Sequence[int]) -> float:
    r"""Return the number of data rows above which it is cheaper to multiply the factors first.

    Multiply-adds of one training step over B rows, with sizes n_0 (in), n_1, ..., n_N (out): each product has
    two gradients, either as dear as the product itself, so

    .. math::
        \text{chain:}\quad  & 3 B \sum_j n_{j-1} n_j - \tfrac12 B n_0 n_1 \\
        \text{kernel:}\quad & 3 P + 3 B n_0 n_N - \tfrac12 B n_0 n_N

    where P is the cost of the product of the factors. The last term takes back half of the gradient with
    respect to the layer's input, which a hidden layer needs and a first one does not; so neither spends more
    than a quarter above its own best order.

    Args:
        sizes: ``[in, width_1, ..., width_{N-1}, out]``.

    Returns:
        A whole number of rows, or ``math.inf`` if passing the data through the factors is never dearer.

    Example:
        >>> kernel_pays_above([1024, 512, 512])
        1024
        >>> kernel_pays_above([1024, 16, 512])  # a narrow product: the kernel would be the larger matrix
        inf
    """
    chain = [a * b for a, b in itertools.pairwise(sizes)]
    return break_even(
        chain, sizes[0] * sizes[-1], min(_cost_from_left(sizes), _cost_from_left(sizes[::-1]))
    )


def break_even(chain: Sequence[float], kernel: float, product: float) -> float:
    """Return `kernel_pays_above` from multiply-adds: of each factor and of the kernel a row, and of the product.

    Example:
        >>> break_even([1024 * 512, 512 * 512], 1024 * 512, 1024 * 512 * 512)
        1024
    """
    saved_a_row = 3 * sum(chain) - chain[0] / 2 - 2.5 * kernel
    if saved_a_row <= 0:
        return math.inf
    rows = math.floor(3 * product / saved_a_row)
    # A graph counts its rows in int32.
    return rows if rows < 2**31 else math.inf


def _cost_from_left(sizes: Sequence[int]) -> int:
    # (F_1 F_2) F_3 ...: a matrix of n_0 rows meets each further factor. Reversed sizes give the other side.
    return sum(sizes[0] * a * b for a, b in itertools.pairwise(sizes[1:]))
