"""The axes of a kernel of any rank, sorted into the rows and the columns of a matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras import ops

from overparam_tf.checks import list_of, whole_number
from overparam_tf.errors import InputError, input_error


@dataclass(frozen=True)
class MatrixAxes:
    """Which axes of a kernel are inputs, and which are outputs.

    The input axes together are the rows of a matrix and the output axes its columns. Any other axis
    stacks independent matrices.

    Args:
        inputs: Numbers of the input axes, at least one.
        outputs: Numbers of the output axes, at least one.

    Example:
        >>> import numpy as np
        >>> query = np.ones((6, 2, 4))  # of an attention: (inputs, heads, size)
        >>> axes = MatrixAxes((0,), (1, 2))
        >>> matrix = axes.matrices(query)
        >>> tuple(matrix.shape), tuple(axes.restored(matrix, (6, 2, 4)).shape)
        ((6, 8), (6, 2, 4))
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @classmethod
    def from_inputs(cls, inputs: Sequence[int], rank: int) -> MatrixAxes:
        """Return the axes of one matrix, of which all axes but the inputs are outputs.

        Example:
            >>> MatrixAxes.from_inputs((0, 1), rank=3)
            MatrixAxes(inputs=(0, 1), outputs=(2,))
        """
        return cls(tuple(inputs), tuple(axis for axis in range(rank) if axis not in inputs))

    def sizes(self, shape: Sequence[int]) -> tuple[int, int]:
        """Return (in, out), the rows and columns of each matrix of a kernel of this shape."""
        rows, columns = (
            math.prod(shape[axis] for axis in axes) for axes in (self.inputs, self.outputs)
        )
        return rows, columns

    def stacks(self, rank: int) -> tuple[int, ...]:
        """Return the axes that stack matrices in a kernel with `rank` axes."""
        return tuple(axis for axis in range(rank) if axis not in self.inputs + self.outputs)

    def fit(self, rank: int) -> bool:
        """Return whether a kernel with `rank` axes has all of these."""
        return max(self.inputs + self.outputs) < rank

    def matrices(self, kernel: Any) -> Any:
        """Return a kernel of known shape as a matrix, or as a stack (..., in, out) of matrices."""
        shape = tuple(kernel.shape)
        stacks = self.stacks(len(shape))
        matrices = ops.transpose(kernel, self._order(len(shape)))
        return ops.reshape(matrices, (*(shape[axis] for axis in stacks), *self.sizes(shape)))

    def restored(self, matrices: Any, shape: Sequence[int]) -> Any:
        """Return what `matrices` made of a kernel of this shape in its own order of axes."""
        order = self._order(len(shape))
        kernel = ops.reshape(matrices, tuple(shape[axis] for axis in order))
        return ops.transpose(kernel, tuple(order.index(axis) for axis in range(len(shape))))

    def _order(self, rank: int) -> tuple[int, ...]:
        return self.stacks(rank) + self.inputs + self.outputs


# A kernel (in, out).
MATRIX = MatrixAxes((0,), (1,))


def check_axes(name: str, value: Any) -> MatrixAxes:
    """Return a pair of lists of axes as `MatrixAxes`.

    Args:
        name: The argument's name, for the message.
        value: The input axes and the output axes, such as `((0,), (1, 2))`.

    Raises:
        InputError: If it is no such pair, a list is empty, or an axis occurs twice.

    Example:
        >>> check_axes("kernels", [[0], [1, 2]])
        MatrixAxes(inputs=(0,), outputs=(1, 2))
    """
    expected = f"input and output axes, such as ((0,), (1, 2)), for {name}"
    try:
        inputs, outputs = list_of(name, value, _axes)
    except (InputError, ValueError):
        raise input_error(expected, **{name: value}) from None
    if not inputs or not outputs or len({*inputs, *outputs}) < len(inputs + outputs):
        raise input_error(f"{expected}, no axis twice", **{name: value})
    return MatrixAxes(inputs, outputs)


def _axes(name: str, value: object) -> tuple[int, ...]:
    return tuple(list_of(name, value, whole_number))
