"""The values of the factors for a kernel that is assigned to `layer.kernel`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from overparam_tf.products import is_concrete, split_matrix


class KernelAssignment(keras.layers.Layer):
    """The part of `FactorizedLayer` that splits what is assigned to `layer.kernel`.

    A multiple of the present kernel, as spectral normalisation assigns at every step, scales the
    factors. Any other value is split in balance.
    """

    depth: int
    _factors: list[keras.Variable]
    _compose: Callable[[], Any]
    _split: Callable[[np.ndarray, str], list[np.ndarray]]

    def _split_in_graph(self, kernel: Any) -> Sequence[Any]:
        """Return the factors of a tensor without known numbers, in a compiled function."""
        raise NotImplementedError

    def _values_for(self, kernel: Any) -> Sequence[Any]:
        """Return the values of the factors for a kernel, a tensor."""
        is_multiple, scales = _multiple(kernel, self._compose(), self.depth)
        if is_concrete(kernel):
            if bool(ops.convert_to_numpy(is_multiple)):
                return self._scaled(scales)
            return self._split(ops.convert_to_numpy(kernel), "balanced")
        return ops.cond(
            is_multiple,
            lambda: self._scaled(scales),
            lambda: [
                ops.cast(factor, variable.dtype)
                for factor, variable in zip(
                    self._split_in_graph(kernel), self._factors, strict=True
                )
            ],
        )

    def _scaled(self, scales: Sequence[Any]) -> list[Any]:
        return [
            ops.multiply(factor, ops.cast(scale, factor.dtype))
            for factor, scale in zip(self._factors, scales, strict=True)
        ]


def _multiple(kernel: Any, present: Any, depth: int) -> tuple[Any, list[Any]]:
    """Return whether a kernel is a multiple of the present one, and the scale of each factor."""
    dtype = "float64" if keras.backend.standardize_dtype(kernel.dtype) == "float64" else "float32"
    kernel, present = ops.cast(kernel, dtype), ops.cast(present, dtype)
    square = ops.sum(present * present)
    multiple = ops.sum(kernel * present) / ops.where(square > 0, square, 1)
    largest = ops.max(ops.abs(kernel))
    error = ops.max(ops.abs(kernel - multiple * present))
    is_multiple = ops.logical_and(error <= 8 * np.finfo(dtype).eps * largest, multiple != 0)
    size = ops.power(ops.abs(multiple), 1 / depth)
    return is_multiple, [*[size] * (depth - 1), ops.sign(multiple) * size]


def split_taps_in_graph(taps: Any, spatial: int, widths: Sequence[int]) -> list[Any]:
    r"""Return factors of a convolution kernel, a tensor without known numbers.

    At an end the spatial factor is a factor of a matrix, split in balance. In between,

    $$K_t = P\, (P^\top K_t Q^\top)\, Q$$

    where P and Q have orthonormal columns and rows, singular vectors of the kernel unfolded on
    either side. Then all factors are scaled to one size.

    Args:
        taps: The kernel, (taps, in, out).
        spatial: Index, from 0, of the factor that has all taps.
        widths: `[in, width_1, ..., width_{N-1}, out]`.
    """
    count, inputs, outputs = taps.shape
    depth, inner = len(widths) - 1, list(widths[1:-1])
    if spatial == 0:
        unfolded = ops.reshape(taps, (count * inputs, outputs))
        first, *others = split_matrix(unfolded, depth, inner)
        return [ops.reshape(first, (count, inputs, widths[1])), *others]
    if spatial == depth - 1:
        unfolded = ops.reshape(ops.transpose(taps, (1, 0, 2)), (inputs, count * outputs))
        *others, last = split_matrix(unfolded, depth, inner)
        last = ops.transpose(ops.reshape(last, (widths[-2], count, outputs)), (1, 0, 2))
        return [*others, last]
    left = _basis(ops.transpose(taps, (1, 0, 2)), min(widths[1 : spatial + 1]))
    right = _basis(ops.transpose(taps, (2, 0, 1)), min(widths[spatial + 1 : -1]))
    core = ops.einsum("ia,tio,ob->tab", left, taps, right)
    factors = [left, *[ops.eye(left.shape[1])] * (spatial - 1), core]
    factors += [*[ops.eye(right.shape[1])] * (depth - spatial - 2), ops.transpose(right)]
    size = ops.sqrt(ops.sum(core * core) / min(core.shape[1:]))
    size = ops.power(ops.where(size > 0, size, 1), 1 / depth)
    factors = [factor * size for factor in factors]
    factors[spatial] = core * size ** (1 - depth)
    return [
        _padded(factor, shape)
        for factor, shape in zip(factors, itertools.pairwise(widths), strict=True)
    ]


def _basis(unfolded: Any, width: int) -> Any:
    matrix = ops.reshape(unfolded, (unfolded.shape[0], -1))
    u, _, _ = ops.svd(matrix, full_matrices=False)
    return u[:, :width]


def _padded(factor: Any, channels: tuple[int, int]) -> Any:
    """Return a factor with zeros behind its channels, up to the given numbers of them."""
    pairs = zip(factor.shape[-2:], channels, strict=True)
    zeros = [(0, 0)] * (len(factor.shape) - 2) + [(0, new - old) for old, new in pairs]
    return ops.pad(factor, zeros)
