"""Order of multiplication in `x F_1 F_2 ... F_N`: factors first, or data through the factors."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from overparam_tf.products import cost_from_left, product

__all__ = ["break_even", "kernel_pays_above", "product"]


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
        product=min(cost_from_left(sizes), cost_from_left(sizes[::-1])),
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
