"""Geometry of a factorised convolution: sizes and widths of its factors, padding, and costs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from overparam_tf.checks import positive_int
from overparam_tf.errors import InputError, input_error

Size = tuple[int, int]


def size_pair(name: str, value: Any) -> Size:
    """Return an int, or a list or tuple of two, as (height, width).

    Raises:
        InputError: If it is neither, or not positive.

    Example:
        >>> size_pair("kernel_size", 3)
        (3, 3)
    """
    entries = value if isinstance(value, (list, tuple)) else (value, value)
    if len(entries) != 2:
        raise input_error(f"an int or two for {name}", **{name: value})
    height, width = (positive_int(name, entry) for entry in entries)
    return height, width


def factor_sizes(kernel_size: Size, depth: int, sizes: Any = None) -> list[Size]:
    """Return the kernel size of every factor, checked to compose to `kernel_size`.

    Args:
        kernel_size: Of the kernel as a whole.
        depth: Number of factors.
        sizes: List of one size for each factor, an int or a pair. By default one factor has the
            whole size and the others are 1x1: it is the first of two, else the second.

    Raises:
        InputError: If there is not one size for each factor, or they do not compose to the kernel
            size.

    Example:
        >>> factor_sizes((3, 3), 2), factor_sizes((3, 3), 4)
        ([(3, 3), (1, 1)], [(1, 1), (3, 3), (1, 1), (1, 1)])
        >>> factor_sizes((5, 3), 2, [(3, 1), 3])
        [(3, 1), (3, 3)]
    """
    if sizes is None:
        before = 0 if depth <= 2 else 1
        return [(1, 1)] * before + [kernel_size] + [(1, 1)] * (depth - 1 - before)
    if not isinstance(sizes, (list, tuple)) or len(sizes) != depth:
        raise input_error(f"depth = {depth} kernel sizes", factor_kernel_sizes=sizes)
    if any(isinstance(size, (list, tuple)) and len(size) != 2 for size in sizes):
        raise input_error("an int or two for each factor", factor_kernel_sizes=sizes)
    pairs = [size_pair("factor_kernel_sizes", size) for size in sizes]
    if composed_size(pairs) != kernel_size:
        raise InputError(
            f"Expected kernel sizes with sum(size - 1) + 1 = {kernel_size}, the kernel size. "
            f"Received: factor_kernel_sizes={sizes!r}, which compose to {composed_size(pairs)}"
        )
    return pairs


def composed_size(sizes: Sequence[Size]) -> Size:
    """Return the kernel size of a chain of convolutions.

    Example:
        >>> composed_size([(3, 3), (3, 1)])
        (5, 3)
    """
    height = sum(height - 1 for height, _ in sizes) + 1
    width = sum(width - 1 for _, width in sizes) + 1
    return height, width


def strided_factor(sizes: Sequence[Size]) -> int:
    """Return the index of the factor that has the stride.

    It is the last one larger than 1x1, or the first if all are 1x1. A stride in front of a larger
    factor would spread the taps of that factor over the input, and the composition would be larger
    than the kernel.
    """
    return max((j for j, size in enumerate(sizes) if size != (1, 1)), default=0)


def factor_widths(
    channels: tuple[int, int],
    sizes: Sequence[Size],
    width: int | list[int] | None = None,
    groups: int = 1,
) -> list[int]:
    """Return `[in, width_1, ..., width_{N-1}, out]`, checked to be divisible by `groups`.

    A cut between two factors splits the kernel into a matrix from the inputs under the left part to
    the outputs over the right one. Its smaller side, min(area_left in, area_right out) of each
    group, is the width that restricts nothing, and so the default.

    Args:
        channels: (in, out), of all groups together.
        sizes: Kernel size of each factor.
        width: None for the default, an int for all, or a list of N - 1 ints.
        groups: Number of groups of channels.

    Raises:
        InputError: If a width is not divisible by `groups`.

    Example:
        >>> factor_widths((16, 32), [(3, 3), (1, 1)])
        [16, 32, 32]
        >>> factor_widths((16, 32), [(1, 1), (3, 3), (1, 1)])
        [16, 16, 32, 32]
    """
    inputs, outputs = channels
    if isinstance(width, list):
        inner = width
    elif width is not None:
        inner = [width] * (len(sizes) - 1)
    else:
        inner = [
            groups
            * min(
                math.prod(composed_size(sizes[:j])) * (inputs // groups),
                math.prod(composed_size(sizes[j:])) * (outputs // groups),
            )
            for j in range(1, len(sizes))
        ]
    if any(entry % groups for entry in inner):
        raise input_error(f"widths divisible by groups = {groups}", width=width)
    return [inputs, *inner, outputs]


def same_padding(length: Any, size: int, stride: int, dilation: int) -> tuple[Any, Any]:
    """Return the zeros before and after an axis that padding "same" adds.

    The output has ceil(length / stride) positions, the last of which needs
    (ceil(length / stride) - 1) stride + (size - 1) dilation + 1 inputs. Of an odd number of zeros
    the larger half goes behind.

    Args:
        length: Of the axis, an int or a tensor of a graph.
        size: Of the kernel along the axis.
        stride: Along the axis.
        dilation: Along the axis.

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
    """Return the number of positions that a convolution has along an axis.

    Args:
        length: Of the axis, an int or a tensor of a graph.
        size: Of the kernel along the axis.
        stride: Along the axis.
        dilation: Along the axis.
        padding: `"valid"` or `"same"`.

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
    """Return the multiply-adds of each factor for one output pixel, without those of the borders.

    Example:
        >>> costs_a_pixel([(1, 1), (3, 3)], [2, 4, 4], strides=(2, 2), groups=1)
        [32, 144]
    """
    strided = strided_factor(sizes)
    costs: list[float] = []
    for j, (size, (inputs, outputs)) in enumerate(
        zip(sizes, itertools.pairwise(widths), strict=True)
    ):
        pixels = math.prod(strides) if j < strided else 1  # there are more in front of the stride
        costs.append(pixels * math.prod(size) * inputs * outputs // groups)
    return costs
