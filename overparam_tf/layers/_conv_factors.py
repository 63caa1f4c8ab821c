"""The factors of a convolution layer: their composition, their start, and splits of a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from overparam_tf import initializers
from overparam_tf.errors import InputError, input_error
from overparam_tf.layers._conv_geometry import Size, strided_factor
from overparam_tf.layers._conv_kernels import compose
from overparam_tf.layers._conv_splits import nearest_kernel, split_kernel
from overparam_tf.layers._kernel_assignment import split_taps_in_graph
from overparam_tf.layers.factorized_layer import FactorizedLayer


class ConvFactors(FactorizedLayer):
    """The part of `FactorizedConv2D` that knows how its factors make up the kernel."""

    filters: int
    kernel_size: Size
    groups: int
    factor_kernel_sizes: list[Size] | None
    # Kernel sizes and shapes of the factors, and the channels [in, width_1, ..., out].
    _sizes: list[Size]
    _factor_shapes: list[tuple[int, ...]]
    _widths: list[int]

    def _compose(self) -> Any:
        return compose(self._factors, self.groups)

    @property
    def _has_one_spatial_factor(self) -> bool:
        return self._sizes[strided_factor(self._sizes)] == self.kernel_size

    def _split(self, kernel: np.ndarray, split: str) -> list[np.ndarray]:
        if not self._has_one_spatial_factor:
            raise self._several_spatial_factors()
        spatial = strided_factor(self._sizes)
        return split_kernel(kernel, spatial, self._widths, self.groups, split)

    def _split_in_graph(self, kernel: Any) -> Sequence[Any]:
        if not self._has_one_spatial_factor:
            raise self._several_spatial_factors()
        height, width, inputs, _ = self._kernel_shape
        taps = ops.reshape(kernel, (height * width, inputs, self.filters))
        splits_of_groups = [
            split_taps_in_graph(
                part,
                strided_factor(self._sizes),
                [channels // self.groups for channels in self._widths],
            )
            for part in ops.split(taps, self.groups, axis=-1)
        ]
        return [
            ops.reshape(ops.concatenate(parts, axis=-1), shape)
            for parts, shape in zip(
                zip(*splits_of_groups, strict=True), self._factor_shapes, strict=True
            )
        ]

    def _within_widths(self, kernel: np.ndarray) -> np.ndarray:
        return nearest_kernel(kernel, strided_factor(self._sizes), self._widths, self.groups)

    def _start(self) -> list[np.ndarray]:
        if self._has_one_spatial_factor:
            return super()._start()
        if not isinstance(self.kernel_initializer, keras.initializers.VarianceScaling):
            raise self._several_spatial_factors()
        # Each factor keeps the variance of the data, as each layer of a deep network does.
        return [
            initializers.draw(
                initializers.per_factor(self.kernel_initializer, j), shape, self.variable_dtype
            )
            for j, shape in enumerate(self._factor_shapes)
        ]

    def _several_spatial_factors(self) -> InputError:
        return input_error(
            "at most one factor larger than 1x1, since not every kernel is a composition of "
            "several: omit factor_kernel_sizes",
            factor_kernel_sizes=self.factor_kernel_sizes,
        )
