"""Order of multiplication in `x F_1 F_2 ... F_N`: factors first, or data through the factors."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

from keras import ops


def product(factors: Sequence[Any]) -> Any:
    """Return `F_1 F_2 ... F_N`, multiplied from the side that costs fewer multiply-adds.

    Args:
        factors: N matrices, tensors or variables.

    Example:
        >>> ops.convert_to_numpy(product([ops.ones((1, 4)), ops.ones((4, 3)), ops.ones((3, 2))]))
        array([[12., 12.]], dtype=float32)
    """
    first, last = factors[0], factors[-1]
    sizes = [first.shape[0], *(factor.shape[1] for factor in factors)]
    if _cost_from_left(sizes) <= _cost_from_left(sizes[::-1]):
        return functools.reduce(_times, factors[1:], ops.convert_to_tensor(first))
    return functools.reduce(
        lambda right, left: _times(left, right), factors[-2::-1], ops.convert_to_tensor(last)
    )


def kernel_pays_above(sizes: Sequence[int]) -> float:
    r"""Return the number of data rows above which it is cheaper to multiply the factors first.

    Multiply-adds of one training step over B rows, with sizes n_0 (in), n_1, ..., n_N (out): each
    product has two gradients, each as expensive as the product itself, so

    $$\begin{aligned}
        \text{chain:}\quad  & 3 B \sum_j n_{j-1} n_j - \tfrac12 B n_0 n_1 \\
        \text{kernel:}\quad & 3 P + 3 B n_0 n_N - \tfrac12 B n_0 n_N
    \end{aligned}$$

    where P is the cost of the product of the factors. The last term subtracts half of the gradient
    with respect to the layer's input, which a hidden layer needs and a first layer does not. So
    each kind of layer spends at most a quarter more than its own best order.

    Args:
        sizes: `[in, width_1, ..., width_{N-1}, out]`.

    Returns:
        A whole number of rows, or `math.inf` if the chain is never more expensive.

    Example:
        >>> kernel_pays_above([1024, 512, 512])
        1024
        >>> kernel_pays_above([1024, 16, 512])  # narrow: the kernel would be the larger matrix
        inf
    """
    inputs, outputs = sizes[0], sizes[-1]
    return break_even(
        chain=[rows * columns for rows, columns in itertools.pairwise(sizes)],
        kernel=inputs * outputs,
        product=min(_cost_from_left(sizes), _cost_from_left(sizes[::-1])),
    )


def break_even(chain: Sequence[float], kernel: float, product: float) -> float:
    """Return the number of rows of `kernel_pays_above` for any kind of layer.

    Args:
        chain: Multiply-adds of each factor for one row of data.
        kernel: Multiply-adds of the kernel for one row.
        product: Multiply-adds of the product of the factors.

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


def _times(left: Any, right: Any) -> Any:
    # Not `ops.matmul`, which multiplies float64 in float32 on PyTorch.
    return ops.einsum("ij,jk->ik", left, right)


def _cost_from_left(sizes: Sequence[int]) -> int:
    # (F_1 F_2) F_3 ...: a matrix of n_0 rows meets each further factor. Reversed sizes give the
    # cost from the other side.
    return sum(sizes[0] * rows * columns for rows, columns in itertools.pairwise(sizes[1:]))
