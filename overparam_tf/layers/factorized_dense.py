"""A dense layer whose kernel is a product of matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from overparam_tf._shapes import Width, check_input_shape, factor_shapes
from overparam_tf.checks import boolean, positive_int
from overparam_tf.errors import input_error
from overparam_tf.initializers import SPLITS, low_rank
from overparam_tf.layers._initial_factors import KERNEL_INITIALIZER
from overparam_tf.layers._multiplication import plus
from overparam_tf.layers.factorized_layer import FactorizedLayer
from overparam_tf.products import (
    by_rows,
    kernel_pays_above,
    kernel_penalty,
    product,
    split_matrix,
)


@keras.saving.register_keras_serializable(package="overparam_tf")
class FactorizedDense(FactorizedLayer):
    r"""`Dense` layer whose kernel is a product of `depth` matrices, which changes how it trains.

    $$y = \sigma(x F_1 F_2 \cdots F_N + b)$$

    There is no nonlinearity between the factors. So it expresses the same functions as
    `keras.layers.Dense` if no width is below min(in, units), but gradient descent on the factors
    moves their product like an accelerated method. `depth=1` is `Dense`, and at any depth the layer
    starts from the kernel that `Dense` draws.

    Args:
        units: Output dimension.
        activation: Activation of the output, as in `Dense`; default None.
        use_bias: Whether to add a bias, the weight `bias`, to the output; default True.
        kernel_initializer: Initializer of the product of the factors, a kernel (in, units), as in
            `Dense`; default `"glorot_uniform"`. The factors are its balanced split
            (`overparam_tf.initializers.balanced_factors`). Where a width is below the rank of the
            kernel, they are that of the best approximation of lower rank. Of a kernel of zeros,
            such as that of a residual branch, only one factor is zero, so that it trains. So do
            units beyond the rank of the kernel.
        bias_initializer: Initializer of every bias; default `"zeros"`.
        kernel_regularizer: Penalty on the product of the factors; default None. It corresponds to
            a penalty on the kernel of `Dense`, and differs from one on each factor.
        bias_regularizer: Penalty on every bias; default None.
        activity_regularizer: Penalty on the output; default None.
        kernel_constraint: Constraint on the product of the factors; default None. With more than
            one factor it is one on norms over all inputs, or over all outputs (`"max_norm"`,
            `"unit_norm"`, `"min_max_norm"`).
        bias_constraint: Constraint on every bias; default None.
        depth: Number of factors N >= 1; default 2.
        width: Inner dimensions: None (default) for min(in, units), an int for all, or a list of
            `depth - 1` ints.
        **kwargs: Further arguments that all factorised layers share:

            - `factor_initializer`: Initializer of each factor, in place of `kernel_initializer`:
              `"near_zero"`, N(0, 0.01^2), from which the paper trains a single linear layer, any
              Keras initializer, or a list of N; default None. A single one goes through
              `overparam_tf.initializers.per_factor`, so that seeded factors differ.
            - `factor_regularizer`: Penalty on each factor: one for all, or a list of N with None
              for no penalty; default None.
            - `use_factor_biases`: Whether to add a bias, the weight `bias_j`, after every factor
              F_j but the last; default False. With `use_bias` this is a stack of N biased `Dense`
              layers, weights in the same order.
            - `contraction`: `"kernel"` multiplies the factors first, `"chain"` passes the data
              through them, `"auto"` (default) takes the order in which a training step on the
              actual batch needs fewer multiply-adds. In a graph traced for any batch size (as in
              `fit`) the choice is made as it runs.
            - `name`, `dtype`, `trainable`: As in every Keras layer.

    Input shape:
        (batch, ..., in), of rank 2 or more.

    Output shape:
        (batch, ..., units).

    Raises:
        InputError: If an argument is out of its range, `kernel_initializer` and
            `factor_initializer` are both given, or the input has no known last dimension.

    Source:
        Arora, Cohen & Hazan, "On the Optimization of Deep Networks" (ICML 2018).

    Example:
        >>> layer = FactorizedDense(2, depth=3, width=[4, 3])
        >>> x = ops.ones((8, 5))
        >>> y = layer(x)
        >>> [tuple(factor.shape) for factor in layer.factors]
        [(5, 4), (4, 3), (3, 2)]
        >>> bool(ops.all(ops.abs(y - ops.matmul(x, layer.kernel)) < 1e-5))
        True
    """

    plain_class = keras.layers.Dense
    _plain_arguments: ClassVar = {"units": "units", "use_bias": "use_bias"}

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = KERNEL_INITIALIZER,
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        depth: int = 2,
        width: Width = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            depth=depth,
            width=width,
            activation=activation,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.units = positive_int("units", units)
        self.use_bias = boolean("use_bias", use_bias)
        self.input_spec = keras.InputSpec(min_ndim=2)
        self.supports_masking = True
        self._check_constraint()

    def _kernel_axes(self) -> tuple[tuple[int, ...], tuple[int, ...], int]:
        return (0,), (1,), 2

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the factors and biases for inputs of `input_shape`.

        Raises:
            InputError: If the last dimension is not known.
        """
        *_, inputs = check_input_shape(input_shape, 2)
        if inputs is None:
            raise input_error("a known last dimension", input_shape=tuple(input_shape))
        shapes = factor_shapes((inputs, self.units), self.depth, self.width)
        self._add_factors(
            shapes,
            kernel_shape=(inputs, self.units),
            bias_shape=(self.units,) if self.use_bias else None,
            kernel_pays_above=kernel_pays_above([inputs, *(columns for _, columns in shapes)]),
        )
        self.input_spec = keras.InputSpec(min_ndim=2, axes={-1: inputs})

    def _compose(self) -> Any:
        return product(self._factors)

    def _penalty_of_kernel(self) -> Any:
        return kernel_penalty(self.kernel_regularizer, self._factors, self._compose)

    def _split(self, kernel: np.ndarray, split: str) -> list[np.ndarray]:
        return SPLITS[split](kernel, self.depth, self.width)

    def _split_in_graph(self, kernel: Any) -> Sequence[Any]:
        return split_matrix(kernel, self.depth, self._inner_widths)

    def _within_widths(self, kernel: np.ndarray) -> np.ndarray:
        return low_rank(kernel, self._inner_widths)

    def _bias_after(self, j: int, bias: Any) -> Any:
        return ops.einsum("i,ij->j", bias, self._factors[j])

    def _contract(self, x: Any) -> Any:
        return by_rows(super()._contract, x, self.units)

    def _data_rows(self, x: Any) -> Any:
        return math.prod(ops.shape(x)[:-1])

    def _through_kernel(self, x: Any) -> Any:
        return plus(ops.matmul(x, self._compose()), self.end_to_end_bias)

    def _through_chain(self, x: Any) -> Any:
        for factor, bias in zip(self._factors, self._biases, strict=True):
            x = plus(ops.matmul(x, factor), bias)
        return x

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return `input_shape` with the last dimension replaced by `units`."""
        return (*input_shape[:-1], self.units)
