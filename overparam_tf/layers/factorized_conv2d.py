"""A 2D convolution layer whose kernel is a composition of convolution kernels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from overparam_tf._shapes import Width, check_input_shape
from overparam_tf.checks import boolean, one_of, positive_int
from overparam_tf.errors import InputError, input_error, words_of
from overparam_tf.layers._conv_factors import ConvFactors
from overparam_tf.layers._conv_geometry import (
    Size,
    costs_a_pixel,
    factor_sizes,
    factor_widths,
    output_length,
    same_padding,
    size_pair,
    strided_factor,
)
from overparam_tf.layers._conv_kernels import composition_cost
from overparam_tf.layers._initial_factors import KERNEL_INITIALIZER
from overparam_tf.layers._multiplication import plus
from overparam_tf.products import break_even


@keras.saving.register_keras_serializable(package="overparam_tf")
class FactorizedConv2D(ConvFactors):
    r"""`Conv2D` layer whose kernel is a composition of `depth` kernels, to train differently.

    $$y = \sigma(x * F_1 * F_2 * \cdots * F_N + b), \qquad
      K_t = \sum_{t_1 + \cdots + t_N = t} F_{1,t_1} F_{2,t_2} \cdots F_{N,t_N}$$

    There is no nonlinearity between the factors. By default one factor has the whole `kernel_size`
    and the others are 1x1: k x k, 1x1 for depth 2, and 1x1, k x k, 1x1, ... from depth 3 on (the
    form of ExpandNets; for deeper layers the further 1x1 factors follow the stride, where there are
    fewest pixels). With `width=None` it expresses the same functions as `keras.layers.Conv2D`.
    `depth=1` is `Conv2D`.

    Factors and kernel give the same output at every pixel, also at the borders: the zeros of
    padding `"same"` are put around the input once, for the kernel as a whole, and no factor pads.
    Zeros between factors would differ from the image of a padded input as soon as a factor in front
    of them has a bias. The stride is that of the last factor larger than 1x1, the dilation that of
    all factors.

    Args:
        filters: Number of output channels.
        kernel_size: An int, or (height, width), of the kernel as a whole.
        strides: As in `Conv2D`; default 1.
        padding: `"valid"` (default) or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`; default None, that of the Keras
            config.
        dilation_rate: As in `Conv2D`; default 1.
        groups: As in `Conv2D`; default 1. Every factor has the same groups: only then the kernel
            has them.
        activation: Activation of the output, as in `Conv2D`; default None.
        use_bias: Whether to add a bias, the weight `bias`, to the output; default True.
        kernel_initializer: Initializer of the composed kernel, as in `Conv2D`; default
            `"glorot_uniform"`. With several factors larger than 1x1 every factor is drawn from it
            by itself, since not every kernel is such a composition; then it must scale with the
            fans of its layer, as those of Glorot, He and LeCun do.
        bias_initializer: As in `FactorizedDense`, as are `kernel_regularizer`, `bias_regularizer`,
            `activity_regularizer`, `kernel_constraint` and `bias_constraint`.
        depth: Number of factors N >= 1; default 2.
        width: Channels between the factors: None (default) for the fewest that restrict nothing
            (see below), an int for all, or a list of `depth - 1` ints. With groups, of all groups
            together and divisible by their number.
        factor_kernel_sizes: List of N kernel sizes, each an int or (height, width), with
            sum(size - 1) + 1 = `kernel_size`; default None, see above. A layer with several larger
            than 1x1 cannot be given a kernel (`assign_kernel`).
        **kwargs: `factor_initializer`, `factor_regularizer` and `contraction` as in
            `FactorizedDense`; `use_factor_biases`, whether to add a bias of size width_j after
            every factor F_j but the last; `name`, `dtype`, `trainable` as in every Keras layer.

    The default width between two factors is min(a in, b out) for each group, where a and b are the
    areas of the kernel in front of that place and behind it: min(k k in, out) for depth 2.

    Input shape:
        (batch, height, width, in), or (batch, in, height, width) with `"channels_first"`.

    Output shape:
        That of `Conv2D`.

    Raises:
        InputError: If an argument is out of its range or cannot be combined with another, or the
            input has no known number of channels.

    Source:
        Arora, Cohen & Hazan, "On the Optimization of Deep Networks" (ICML 2018), for the factors;
        Guo, Alvarez & Salzmann, "ExpandNets" (NeurIPS 2020), for those of a convolution.

    Example:
        >>> layer = FactorizedConv2D(4, 3, depth=3, padding="same", use_factor_biases=True,
        ...                          bias_initializer="ones")
        >>> x = keras.random.normal((1, 6, 6, 2), seed=0)
        >>> y = layer(x)
        >>> [tuple(factor.shape) for factor in layer.factors], tuple(layer.kernel.shape)
        ([(1, 1, 2, 2), (3, 3, 2, 4), (1, 1, 4, 4)], (3, 3, 2, 4))
        >>> folded = ops.conv(x, layer.kernel, padding="same") + layer.end_to_end_bias
        >>> bool(ops.all(ops.abs(y - folded) < 1e-4))
        True
    """

    plain_class = keras.layers.Conv2D
    _plain_arguments: ClassVar = {
        name: name
        for name in (
            "filters",
            "kernel_size",
            "strides",
            "padding",
            "data_format",
            "dilation_rate",
            "groups",
            "use_bias",
        )
    }

    def __init__(
        self,
        filters: int,
        kernel_size: int | Size,
        strides: int | Size = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Size = (1, 1),
        groups: int = 1,
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
        factor_kernel_sizes: Sequence[int | Size] | None = None,
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
        geometry = {
            "filters": positive_int("filters", filters),
            "kernel_size": size_pair("kernel_size", kernel_size),
            "strides": size_pair("strides", strides),
            "padding": _check_padding(padding),
            "data_format": one_of(
                "data_format", data_format, ("channels_last", "channels_first", None)
            ),
            "dilation_rate": size_pair("dilation_rate", dilation_rate),
            "groups": positive_int("groups", groups),
            "use_bias": boolean("use_bias", use_bias),
        }
        try:
            # Not its default initializer, which would take a seed from Python's random numbers.
            plain = keras.layers.Conv2D(**geometry, kernel_initializer="zeros", name=self.name)
        except ValueError as error:  # of arguments that cannot be combined
            raise InputError(words_of(error)) from error
        for name in geometry:
            setattr(self, name, getattr(plain, name))
        sizes = factor_sizes(self.kernel_size, self.depth, factor_kernel_sizes)
        self.factor_kernel_sizes = None if factor_kernel_sizes is None else sizes
        self._sizes = sizes
        self.input_spec = keras.InputSpec(ndim=4)
        self._check_constraint()

    def _kernel_axes(self) -> tuple[tuple[int, ...], tuple[int, ...], int]:
        return (2,), (3,), 4

    @property
    def _axes(self) -> Size:
        return (1, 2) if self.data_format == "channels_last" else (2, 3)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the factors and biases for inputs of `input_shape`.

        Raises:
            InputError: If a size that the kernel needs is not known, or does not fit the arguments.
        """
        shape = check_input_shape(input_shape, 4)
        channel_axis = -1 if self.data_format == "channels_last" else 1
        inputs = shape[channel_axis]
        if inputs is None or inputs % self.groups:
            raise input_error(
                f"a known number of channels, divisible by groups = {self.groups}",
                input_shape=shape,
                data_format=self.data_format,
            )
        self.compute_output_shape(shape)  # raises if the input is smaller than the kernel
        self._widths = factor_widths((inputs, self.filters), self._sizes, self.width, self.groups)
        kernel_shape = (*self.kernel_size, inputs // self.groups, self.filters)
        self._factor_shapes = [
            (*size, self._widths[j] // self.groups, self._widths[j + 1])
            for j, size in enumerate(self._sizes)
        ]
        self._add_factors(
            self._factor_shapes,
            kernel_shape=kernel_shape,
            bias_shape=(self.filters,) if self.use_bias else None,
            kernel_pays_above=break_even(
                costs_a_pixel(self._sizes, self._widths, self.strides, self.groups),
                kernel=math.prod(kernel_shape),
                product=composition_cost(self._sizes, self._widths, self.groups),
            ),
        )
        self.input_spec = keras.InputSpec(ndim=4, axes={channel_axis: inputs})

    def _bias_after(self, j: int, bias: Any) -> Any:
        # No factor pads, so each sees the bias at all its taps.
        taps = ops.sum(self._factors[j], axis=(0, 1))
        by_group = ops.reshape(taps, (taps.shape[0], self.groups, -1))
        bias = ops.reshape(bias, (self.groups, -1))
        return ops.reshape(ops.einsum("gi,igo->go", bias, by_group), (-1,))

    def _data_rows(self, x: Any) -> Any:
        shape = ops.shape(x)
        height, width = (
            output_length(shape[axis], size, stride, dilation, self.padding)
            for axis, size, stride, dilation in self._along_axes()
        )
        return shape[0] * height * width

    def _through_kernel(self, x: Any) -> Any:
        outputs = self._conv(x, self._compose(), self.strides, self.padding)
        return self._plus(outputs, self.end_to_end_bias)

    def _through_chain(self, x: Any) -> Any:
        x = self._pad(x)
        strided = strided_factor(self._sizes)
        for j, (factor, bias) in enumerate(zip(self._factors, self._biases, strict=True)):
            strides = self.strides if j == strided else (1, 1)
            x = self._plus(self._conv(x, factor, strides, "valid"), bias)
        return x

    def _conv(self, x: Any, kernel: Any, strides: Size, padding: str) -> Any:
        return ops.conv(
            x,
            kernel,
            strides=list(strides),
            padding=padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )

    def _plus(self, x: Any, bias: Any) -> Any:
        if bias is not None and self.data_format == "channels_first":
            bias = ops.reshape(bias, (-1, 1, 1))
        return plus(x, bias)

    def _pad(self, x: Any) -> Any:
        """Return `x` within the zeros that padding "same" adds for the kernel as a whole."""
        if self.padding == "valid":
            return x
        shape = ops.shape(x)
        zeros: list[tuple[Any, Any]] = [(0, 0)] * 4
        for axis, size, stride, dilation in self._along_axes():
            zeros[axis] = same_padding(shape[axis], size, stride, dilation)
        if all(isinstance(count, int) and count == 0 for pair in zeros for count in pair):
            return x
        return ops.pad(x, zeros)

    def _along_axes(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield axis, kernel size, stride and dilation for height and width."""
        yield from zip(self._axes, self.kernel_size, self.strides, self.dilation_rate, strict=True)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape that `Conv2D` returns."""
        return self.plain_layer().compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "factor_kernel_sizes": self.factor_kernel_sizes}


def _check_padding(padding: Any) -> str:
    lower = padding.lower() if isinstance(padding, str) else padding  # as Keras reads it
    return one_of("padding", lower, ("valid", "same"))
