"""Sizes of the factors of a convolution: kernel sizes that compose, widths, stride, padding, and what they cost."""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Sequence
from typing import Any

from keras import ops

from overparam_tf._shapes import Width
from overparam_tf.checks import positive_int
from overparam_tf.errors import InputError

Size = tuple[int, int]


def factor_sizes(
    kernel_size: Size, depth: int, given: Sequence[int | Size] | None = None
) -> list[Size]:
    """Return the kernel size of every factor, checked to compose to ``kernel_size``.

    Unless given, one factor has the whole size and the others are 1x1: the first of two, else the second.

    Example:
        >>> factor_sizes((3, 3), 2), factor_sizes((3, 3), 4)
        ([(3, 3), (1, 1)], [(1, 1), (3, 3), (1, 1), (1, 1)])
        >>> factor_sizes((5, 3), 2, [(3, 1), 3])
        [(3, 1), (3, 3)]
    """
    if given is None:
        before = 0 if depth <= 2 else 1
        return [(1, 1)] * before + [kernel_size] + [(1, 1)] * (depth - 1 - before)
    if not isinstance(given, (list, tuple)) or len(given) != depth:
        raise InputError(
            f"Expected depth = {depth} kernel sizes. Received: factor_kernel_sizes={given!r}"
        )
    pairs = [(size, size) if isinstance(size, numbers.Integral) else tuple(size) for size in given]
    if any(len(pair) != 2 for pair in pairs):
        raise InputError(
            f"Expected an int or two for each factor. Received: factor_kernel_sizes={given!r}"
        )
    sizes = [tuple(positive_int("factor_kernel_sizes", entry) for entry in pair) for pair in pairs]
    if composed_size(sizes) != kernel_size:
        raise InputError(
            f"Expected kernel sizes with sum(size - 1) + 1 = {kernel_size}, the kernel size. "
            f"Received: factor_kernel_sizes={given!r}, which compose to {composed_size(sizes)}"
        )
    return sizes


def composed_size(sizes: Sequence[Size]) -> Size:
    """Return the kernel size of a chain of convolutions.

    Example:
        >>> composed_size([(3, 3), (3, 1)])
        (5, 3)
    """
    return tuple(sum(size[axis] - 1 for size in sizes) + 1 for axis in (0, 1))


def strided_factor(sizes: Sequence[Size]) -> int:
    """Return which factor has the stride: the last one larger than 1x1, or the first if there is none.

    A stride in front of a larger factor would spread the taps of that factor over the input, and the composition
    would be larger than the kernel.
    """
    return max((j for j, size in enumerate(sizes) if size != (1, 1)), default=0)


def factor_widths(
    channels: tuple[int, int], sizes: Sequence[Size], width: Width = None, groups: int = 1
) -> list[int]:
    """Return ``[in, width_1, ..., width_{N-1}, out]``, checked to be divisible by ``groups``.

    A cut between two factors splits the kernel into a matrix from the inputs under the left part to the outputs
    over the right one. Its smaller side, min(area_left in, area_right out) of each group, is the width that
    restricts nothing, and so the default.

    Example:
        >>> factor_widths((16, 32), [(3, 3), (1, 1)]), factor_widths((16, 32), [(1, 1), (3, 3), (1, 1)])
        ([16, 32, 32], [16, 16, 32, 32])
    """
    inputs, outputs = (count // groups for count in channels)
    if width is None:
        width = [
            groups
            * min(
                math.prod(composed_size(sizes[:j])) * inputs,
                math.prod(composed_size(sizes[j:])) * outputs,
            )
            for j in range(1, len(sizes))
        ]
    inner = width if isinstance(width, list) else [width] * (len(sizes) - 1)
    if any(entry % groups for entry in inner):
        raise InputError(
            f"Expected widths divisible by groups = {groups}. Received: width={width!r}"
        )
    return [channels[0], *inner, channels[1]]


def same_padding(length: Any, size: int, stride: int, dilation: int) -> tuple[Any, Any]:
    """Return the zeros before and after an axis that padding "same" adds; ``length`` may be a tensor of a graph.

    The output has ceil(length / stride) positions, the last of which needs (ceil(length / stride) - 1) stride +
    (size - 1) dilation + 1 inputs. Of an odd number of zeros the larger half goes behind.

    Example:
        >>> same_padding(6, 3, stride=2, dilation=1), same_padding(7, 3, stride=2, dilation=1)
        ((0, 1), (1, 1))
    """
    extent = (size - 1) * dilation + 1
    if stride == 1:
        zeros = extent - 1
    else:
        zeros = (-(-length // stride) - 1) * stride + extent - length
        zeros = max(zeros, 0) if isinstance(zeros, int) else ops.maximum(zeros, 0)
    return zeros // 2, zeros - zeros // 2


def output_length(length: Any, size: int, stride: int, dilation: int, padding: str) -> Any:
    """Return how many positions a convolution has along an axis; ``length`` may be a tensor of a graph.

    Example:
        >>> output_length(7, 3, 2, 1, "valid"), output_length(7, 3, 2, 1, "same")
        (3, 4)
    """
    if padding == "same":
        return -(-length // stride)
    return (length - (size - 1) * dilation - 1) // stride + 1


def costs_a_pixel(
    sizes: Sequence[Size], widths: Sequence[int], strides: Size, groups: int
) -> list[float]:
    """Return the multiply-adds of each factor for an output pixel, but for what the borders add.

    Example:
        >>> costs_a_pixel([(1, 1), (3, 3)], [2, 4, 4], strides=(2, 2), groups=1)
        [32, 144]
    """
    # In front of the stride there are more pixels.
    pixels = [math.prod(strides) if j < strided_factor(sizes) else 1 for j in range(len(sizes))]
    return [
        count * math.prod(size) * rows * columns // groups
        for count, size, (rows, columns) in zip(
            pixels, sizes, itertools.pairwise(widths), strict=True
        )
    ]
