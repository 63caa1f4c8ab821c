"""A kernel of any number of axes as a matrix from its inputs to its outputs."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from keras import ops


@dataclasses.dataclass(frozen=True)
class KernelAxes:
    """The axes of a kernel that a layer sums over; the others are those of its output.

    So the kernel is a matrix from all inputs together to all outputs together, each in the order in
    which the kernel has them.

    Attributes:
        shape: Shape of the kernel.
        inputs: Axes that are summed over, such as (0, 1, 2) in a two-dimensional convolution.

    Example:
        >>> axes = KernelAxes(shape=(3, 3, 5, 8), inputs=(0, 1, 2))
        >>> axes.matrix_shape
        (45, 8)
        >>> kernel = np.arange(360.0).reshape(axes.shape)
        >>> bool(np.array_equal(axes.kernel(axes.matrix(kernel)), kernel))
        True
    """

    shape: tuple[int, ...]
    inputs: tuple[int, ...]

    @property
    def outputs(self) -> tuple[int, ...]:
        """Return the axes that the output has."""
        return tuple(axis for axis in range(len(self.shape)) if axis not in self.inputs)

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """Return (in, out), the sizes of all inputs and of all outputs together."""
        return math.prod(self._sizes(self.inputs)), math.prod(self._sizes(self.outputs))

    def matrix(self, kernel: Any) -> Any:
        """Return a kernel as a matrix (in, out), an array as an array and a tensor as a tensor."""
        order = self.inputs + self.outputs
        return _reshape(_transpose(kernel, order), self.matrix_shape)

    def kernel(self, matrix: Any) -> Any:
        """Return the kernel that a matrix (in, out) is, the inverse of `matrix`."""
        order = self.inputs + self.outputs
        back = tuple(order.index(axis) for axis in range(len(order)))
        return _transpose(_reshape(matrix, self._sizes(order)), back)

    def _sizes(self, axes: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(self.shape[axis] for axis in axes)


def _transpose(x: Any, order: tuple[int, ...]) -> Any:
    if order == tuple(range(len(order))):
        return x
    return np.transpose(x, order) if isinstance(x, np.ndarray) else ops.transpose(x, order)


def _reshape(x: Any, shape: tuple[int, ...]) -> Any:
    if tuple(x.shape) == shape:
        return x
    return np.reshape(x, shape) if isinstance(x, np.ndarray) else ops.reshape(x, shape)
