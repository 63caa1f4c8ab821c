"""An `EinsumDense` layer, such as a projection of attention, as a product of matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from overparam_tf import initializers
from overparam_tf._shapes import Width, check_input_shape, factor_shapes
from overparam_tf.checks import instance_of, list_of, positive_int
from overparam_tf.errors import InputError, input_error
from overparam_tf.initializers import SPLITS, low_rank
from overparam_tf.layers._einsum_equation import EinsumEquation
from overparam_tf.layers._initial_factors import KERNEL_INITIALIZER
from overparam_tf.layers._multiplication import plus
from overparam_tf.layers.factorized_layer import FactorizedLayer
from overparam_tf.products import kernel_pays_above, kernel_penalty, product, split_matrix


@keras.saving.register_keras_serializable(package="overparam_tf")
class FactorizedEinsumDense(FactorizedLayer):
    r"""`EinsumDense` layer whose kernel is a product of `depth` matrices.

    An equation splits the axes of the kernel into in axes, which are summed over, and out axes,
    which the output has. So the kernel is a matrix

    $$K_{(\text{in axes}), (\text{out axes})} = F_1 F_2 \cdots F_N .$$

    It expresses the same functions as `keras.layers.EinsumDense` if no width is below min(in, out),
    the products of the sizes of the in axes and of the out axes. `depth=1` is `EinsumDense`.

    Args:
        equation: As in `EinsumDense`, such as `"abc,cde->abde"` for the query of an attention
            layer, with an optional ellipsis on the left or the right. An axis of the kernel that is
            in the input and the output makes it a stack of matrices, which this layer does not
            split.
        output_shape: As in `EinsumDense`: the output's dimensions after the batch, None where
            unknown.
        activation: Activation of the output, as in `EinsumDense`; default None.
        bias_axes: Output axes to add the weight `bias` along, as in `EinsumDense`; default None,
            no bias.
        kernel_initializer: Initializer of the product of the factors, drawn as `EinsumDense` draws
            its kernel; default `"glorot_uniform"`.
        bias_initializer: As in `FactorizedDense`, as are `kernel_regularizer`, `bias_regularizer`,
            `kernel_constraint` and `bias_constraint`.
        depth: Number of factors N >= 1; default 2.
        width: Inner dimensions: None (default) for min(in, out), an int for all, or a list of
            `depth - 1` ints.
        **kwargs: `factor_initializer`, `factor_regularizer`, `activity_regularizer` and
            `contraction` as in `FactorizedDense`; `use_factor_biases`, whether to add a bias of
            size width_j after every factor F_j but the last; `name`, `dtype`, `trainable` as in
            every Keras layer.

    Input shape:
        As the equation says.

    Output shape:
        As the equation says.

    Raises:
        InputError: If an argument is out of its range, the kernel is no matrix between in axes and
            out axes, or the size of one of its axes is not known.

    Source:
        Arora, Cohen & Hazan, "On the Optimization of Deep Networks" (ICML 2018), for the factors.

    Example:
        >>> layer = FactorizedEinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="de", depth=2)
        >>> x = ops.ones((8, 5, 6))
        >>> y = layer(x)
        >>> [tuple(factor.shape) for factor in layer.factors], tuple(layer.kernel.shape)
        ([(6, 6), (6, 8)], (6, 2, 4))
        >>> bool(ops.all(ops.abs(y - ops.einsum("abc,cde->abde", x, layer.kernel)) < 1e-5))
        True
    """

    plain_class = keras.layers.EinsumDense
    _plain_arguments: ClassVar = {
        "equation": "equation",
        "output_shape": "partial_output_shape",
        "bias_axes": "bias_axes",
    }

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = KERNEL_INITIALIZER,
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
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
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self._letters = EinsumEquation.parse(equation)
        self.equation = equation
        self.partial_output_shape = _check_output_shape(output_shape)
        if bias_axes is not None:
            instance_of("bias_axes", bias_axes, str, "letters of the output or None")
        self.bias_axes = bias_axes or None
        if not set(bias_axes or "") <= set(self._letters.outputs):
            raise input_error(
                f"bias axes out of those of the output, {self._letters.outputs}",
                bias_axes=bias_axes,
            )
        self._check_constraint()

    def _kernel_axes(self) -> tuple[tuple[int, ...], tuple[int, ...], int]:
        letters = self._letters
        rows, columns = (
            tuple(letters.kernel.index(letter) for letter in axes)
            for axes in (letters.in_axes, letters.out_axes)
        )
        return rows, columns, len(letters.kernel)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the factors and biases for inputs of `input_shape`.

        Raises:
            InputError: If a size of the kernel or of the bias is not known.
        """
        letters = self._letters
        shape = check_input_shape(input_shape, len(letters.inputs))
        sizes = letters.sizes(shape, self.compute_output_shape(shape))
        known = {letter: size for letter, size in sizes.items() if size is not None}
        if not set(letters.kernel + (self.bias_axes or "")) <= set(known):
            raise InputError(
                f"Expected known sizes of the axes {letters.kernel} of the kernel and of those of "
                f"the bias. Received: input_shape={shape}, "
                f"output_shape={self.partial_output_shape}"
            )
        self._in_shape = tuple(known[letter] for letter in letters.in_axes)
        self._out_shape = tuple(known[letter] for letter in letters.out_axes)
        shapes = factor_shapes(self._matrix_shape, self.depth, self.width)
        elided = len(shape) - len(letters.inputs)
        # A bias in front of the last factor appears along all the out axes behind it.
        self._factor_bias_shape = letters.bias_shape(letters.out_axes, known, elided)
        bias_shape = None
        if self.bias_axes is not None:
            bias_shape = letters.bias_shape(self.bias_axes, known, elided)
        self._add_factors(
            shapes,
            kernel_shape=tuple(known[letter] for letter in letters.kernel),
            bias_shape=bias_shape,
            kernel_pays_above=kernel_pays_above(
                [math.prod(self._in_shape), *(columns for _, columns in shapes)]
            ),
        )
        self.input_spec = keras.InputSpec(ndim=len(shape))

    @property
    def _matrix_shape(self) -> tuple[int, int]:
        return math.prod(self._in_shape), math.prod(self._out_shape)

    def _compose(self) -> Any:
        kernel = ops.reshape(product(self._factors), self._in_shape + self._out_shape)
        return ops.einsum(self._letters.from_matrix, kernel)

    def _penalty_of_kernel(self) -> Any:
        return kernel_penalty(self.kernel_regularizer, self._factors, self._compose)

    def _split(self, kernel: np.ndarray, split: str) -> list[np.ndarray]:
        return SPLITS[split](self._as_matrix(kernel), self.depth, self.width)

    def _as_matrix(self, kernel: np.ndarray) -> np.ndarray:
        return np.einsum(self._letters.to_matrix, kernel).reshape(self._matrix_shape)

    def _as_kernel(self, matrix: np.ndarray) -> np.ndarray:
        return np.einsum(
            self._letters.from_matrix, matrix.reshape(self._in_shape + self._out_shape)
        )

    def _split_in_graph(self, kernel: Any) -> Sequence[Any]:
        return split_matrix(self._only_factor(kernel), self.depth, self._inner_widths)

    def _only_factor(self, kernel: Any) -> Any:
        return ops.reshape(ops.einsum(self._letters.to_matrix, kernel), self._matrix_shape)

    def _within_widths(self, kernel: np.ndarray) -> np.ndarray:
        return self._as_kernel(low_rank(self._as_matrix(kernel), self._inner_widths))

    def _draw_kernel(self) -> np.ndarray:
        initializer, dtype = self._kernel_initializer_for_axes(), self.variable_dtype
        is_identity = isinstance(initializer, keras.initializers.Identity)
        if is_identity and len(self._letters.kernel) > 2:
            # Keras has no identity of more than two axes; as a matrix the kernel has one.
            return self._as_kernel(initializers.draw(initializer, self._matrix_shape, dtype))
        return initializers.draw(initializer, self._kernel_shape, dtype)

    def _kernel_initializer_for_axes(self) -> Any:
        """Return the initializer that knows which axes of the kernel are summed over.

        `EinsumDense` tells those that scale with the fans of the layer.
        """
        initializer = self.kernel_initializer
        if not isinstance(initializer, keras.initializers.VarianceScaling):
            return initializer
        config = initializer.get_config()
        rows, columns, _ = self._kernel_axes()
        axes = {"input_axes": list(rows), "output_axes": list(columns)}
        if any(config.get(name) is not None for name in axes):
            return initializer
        return type(initializer).from_config({**config, **axes, "seed": initializer.seed})

    def _bias_after(self, j: int, bias: Any) -> Any:
        bias = ops.einsum("i,ij->j", bias, self._factors[j])
        return self._along_out_axes(bias) if j == self.depth - 1 else bias

    def _along_out_axes(self, bias: Any) -> Any:
        """Reshape a vector over the kernel's out axes to the form in which it joins the output."""
        letters = self._letters
        in_order = "".join(letter for letter in letters.outputs if letter in letters.out_axes)
        bias = ops.einsum(f"{letters.out_axes}->{in_order}", ops.reshape(bias, self._out_shape))
        return ops.reshape(bias, self._factor_bias_shape)

    def _data_rows(self, x: Any) -> Any:
        return math.prod(ops.shape(x)) // math.prod(self._in_shape)

    def _through_kernel(self, x: Any) -> Any:
        return plus(ops.einsum(self.equation, x, self._compose()), self.end_to_end_bias)

    def _through_chain(self, x: Any) -> Any:
        first, *inner, last = self._factors
        first_bias, *inner_biases, last_bias = self._biases
        first = ops.reshape(first, (*self._in_shape, first.shape[1]))
        last = ops.reshape(last, (last.shape[0], *self._out_shape))
        x = plus(ops.einsum(self._letters.into_hidden, x, first), first_bias)
        for factor, bias in zip(inner, inner_biases, strict=True):
            x = plus(ops.einsum("...i,ij->...j", x, factor), bias)
        return plus(ops.einsum(self._letters.out_of_hidden, x, last), last_bias)

    def _plain_shape(self) -> dict[str, Any]:
        axes = self.bias_axes or ""
        if self._has_factor_biases:
            biased = axes + self._letters.out_axes
            axes = "".join(letter for letter in self._letters.outputs if letter in biased)
        return {
            "equation": self.equation,
            "output_shape": self.partial_output_shape,
            "bias_axes": axes or None,
        }

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape that `EinsumDense` returns."""
        return self.plain_layer().compute_output_shape(input_shape)


def _check_output_shape(output_shape: Any) -> tuple[int | None, ...]:
    if not isinstance(output_shape, (list, tuple)):
        return (positive_int("output_shape", output_shape),)
    return tuple(
        list_of(
            "output_shape",
            output_shape,
            lambda name, size: None if size is None else positive_int(name, size),
        )
    )
