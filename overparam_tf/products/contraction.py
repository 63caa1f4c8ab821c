"""Order of multiplication in `x F_1 F_2 ... F_N`: factors first, or data through the factors."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from overparam_tf.products.matrix_product import cost_from_left, product


def kernel_pays_above(sizes: Sequence[int], base: bool = False) -> float:
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
        base: Whether the product is added to a frozen kernel; default False. The data meets that
            kernel in either order, so the second order costs only 3 P beyond it.

    Returns:
        A whole number of rows, or `math.inf` if the chain is never more expensive.

    Example:
        >>> kernel_pays_above([1024, 512, 512])
        1024
        >>> kernel_pays_above([1024, 16, 512])  # narrow: the kernel would be the larger matrix
        inf
        >>> kernel_pays_above([1024, 16, 512], base=True)
        384
    """
    inputs, outputs = sizes[0], sizes[-1]
    return break_even(
        chain=[rows * columns for rows, columns in itertools.pairwise(sizes)],
        kernel=0 if base else inputs * outputs,
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


def multiplied(x: Any, factors: Sequence[Any], base: Any = None) -> Any:
    """Return `x F_1 F_2 ... F_N` in the order that is cheaper for a training step on this batch.

    Args:
        x: Shape (..., in).
        factors: N matrices.
        base: A kernel (in, out) that is added to their product; default None.

    Example:
        >>> factors = [ops.ones((4, 3)), ops.ones((3, 2))]
        >>> ops.convert_to_numpy(multiplied(ops.ones((1, 4)), factors, base=ops.ones((4, 2))))
        array([[16., 16.]], dtype=float32)
    """
    sizes = [factors[0].shape[0], *(factor.shape[1] for factor in factors)]
    limit = kernel_pays_above(sizes, base is not None)

    def through_kernel(x: Any) -> Any:
        kernel = product(factors)
        return ops.matmul(x, kernel if base is None else ops.add(base, kernel))

    def through_chain(x: Any) -> Any:
        outputs = functools.reduce(ops.matmul, factors, x)
        return outputs if base is None else ops.add(ops.matmul(x, base), outputs)

    def contract(x: Any) -> Any:
        rows = math.prod(ops.shape(x)[:-1]) if limit < math.inf else 0
        return in_cheaper_order(rows, limit, lambda: through_kernel(x), lambda: through_chain(x))

    return by_rows(contract, x, sizes[-1])


def in_cheaper_order(
    rows: Any, limit: float, through_kernel: Callable[[], Any], through_chain: Callable[[], Any]
) -> Any:
    """Return the result of `through_kernel` for more than `limit` rows, else of `through_chain`.

    Args:
        rows: Number of rows: an int, or a tensor in a graph for any batch size, which then makes
            the choice as it runs.
        limit: A number of rows, or `math.inf`.
        through_kernel: Multiplies by the product of the factors.
        through_chain: Multiplies by one factor after the other.

    Example:
        >>> in_cheaper_order(3, 2, lambda: "kernel", lambda: "chain")
        'kernel'
    """
    if isinstance(rows, int):
        return through_kernel() if rows > limit else through_chain()
    return ops.cond(ops.convert_to_tensor(rows) > limit, through_kernel, through_chain)


def by_rows(function: Callable[[Any], Any], x: Any, outputs: int) -> Any:
    """Return what a function of data (rows, in) makes of x of shape (..., in).

    It is called on x itself where that has two axes, or sizes that are all known: XLA cannot
    compile the gradient of TensorFlow's `tensordot` within a condition if they are not.

    Args:
        function: Returns (..., outputs) for (..., in), for any number of axes.
        x: Shape (..., in).
        outputs: The last size of the result.

    Example:
        >>> tuple(by_rows(lambda x: ops.sum(x, -1, keepdims=True), ops.ones((2, 3, 4)), 1).shape)
        (2, 3, 1)
    """
    sizes = ops.shape(x)
    if len(sizes) == 2 or all(isinstance(size, int) for size in sizes):
        return function(x)
    *leading, inputs = sizes
    return ops.reshape(function(ops.reshape(x, (-1, inputs))), (*leading, outputs))
