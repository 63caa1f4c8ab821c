"""The squared norm of a product of matrices, and its gradients, in the fewest multiplications."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from overparam_tf.products.matrix_product import cost_from_left, product, sizes_of, times


def kernel_penalty(regularizer: Any, factors: Sequence[Any], compose: Callable[[], Any]) -> Any:
    r"""Return a regularizer of a kernel made of \(F_1 \cdots F_N\), L2 by `squared_norm`.

    Args:
        regularizer: A Keras regularizer.
        factors: N matrices or stacks of them, tensors or variables.
        compose: Returns the kernel: the entries of the product, in any order and shape.

    Example:
        >>> factors = [ops.ones((5, 1)), ops.ones((1, 5))]
        >>> float(kernel_penalty(keras.regularizers.L2(0.1), factors, compose=lambda: None))
        2.5
    """
    if type(regularizer) is keras.regularizers.L2:
        return ops.multiply(regularizer.l2, squared_norm(factors))
    return regularizer(compose())


def squared_norm(factors: Sequence[Any]) -> Any:
    r"""Return \(|F_1 \cdots F_N|^2\), the sum of squares, in the cheapest way with its gradients.

    The product itself has two gradients, each as expensive as it is. With the N factors multiplied
    into two, P of m x w and Q of w x n,

    $$|P Q|^2 = \mathrm{tr}(P^\top P \; Q Q^\top), \qquad
      \nabla_P = 2 P \, (Q Q^\top), \qquad \nabla_Q = 2 (P^\top P) \, Q,$$

    are 2 w^2 (m + n) multiply-adds in all, where the product and its gradients are 3 m w n. The
    result agrees with that of the product to round-off of \(|P|^2 |Q|^2\).

    Args:
        factors: N matrices or stacks of them, tensors or variables.

    Example:
        >>> float(squared_norm([ops.ones((5, 1)), ops.ones((1, 5))]))
        25.0
    """
    # Outside a graph TensorFlow converts a variable to itself, which no custom gradient may use.
    tensors = [ops.reshape(factor, factor.shape) for factor in factors]
    sizes = sizes_of(tensors)
    # How many factors are multiplied into P; none stands for the product itself.
    cut = min(range(len(tensors)), key=lambda cut: _cost(sizes, cut))
    if cut == 0:
        return ops.sum(ops.square(product(tensors)))
    return _of_two(product(tensors[:cut]), product(tensors[cut:]))


def _cost(sizes: Sequence[int], cut: int) -> int:
    """Return the multiply-adds of the squared norm and its gradients, without P and Q for 0."""
    if cut == 0:
        return 3 * _product_cost(sizes)
    rows, width, columns = sizes[0], sizes[cut], sizes[-1]
    into_two = _product_cost(sizes[: cut + 1]) + _product_cost(sizes[cut:])
    return 3 * into_two + 2 * width**2 * (rows + columns)


def _product_cost(sizes: Sequence[int]) -> int:
    return min(cost_from_left(sizes), cost_from_left(sizes[::-1]))


@ops.custom_gradient
def _of_two(left: Any, right: Any) -> Any:
    """Return the sum of squares of a product of two factors."""

    def grams() -> tuple[Any, Any]:
        return times(_transposed(left), left), times(right, _transposed(right))

    # PyTorch hands over the arguments too, and `upstream` by its name.
    def gradients(*values: Any, upstream: Any = None) -> tuple[Any, Any]:
        # Once more from the factors, for second derivatives; a compiler merges the two.
        of_left, of_right = grams()
        twice = ops.multiply(2, values[0] if upstream is None else upstream)
        return twice * times(left, of_right), twice * times(of_left, right)

    of_left, of_right = grams()
    # Rounding can put it below zero where the factors are large and their product is not.
    return ops.maximum(ops.sum(of_left * of_right), 0), gradients


def _transposed(matrix: Any) -> Any:
    return ops.swapaxes(matrix, -1, -2)
