"""Convolution kernels of shape (height, width, in / groups, out): their composition."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from keras import ops

from overparam_tf.layers._conv_geometry import Size, composed_size


def composed(kernels: Sequence[Any], groups: int = 1) -> Any:
    r"""Return the kernel of a chain of convolutions, without padding between them.

    What Keras calls a convolution is :math:`y_p = \sum_d x_{p+d} A_d`. So behind it
    :math:`z_p = \sum_e y_{p+e} B_e = \sum_t x_{p+t} \sum_{d+e=t} A_d B_e`: the full convolution of the kernels,
    a matrix product in each group of channels. With one dilation for all, t and its parts are spread alike.

    Args:
        kernels: Tensors (height_j, width_j, c_{j-1} / groups, c_j).
        groups: Number of groups of channels.

    Returns:
        Tensor (height, width, c_0 / groups, c_N), multiplied from the side that costs fewer multiply-adds.

    Example:
        >>> row, column = ops.ones((1, 3, 1, 1)), ops.ones((3, 1, 1, 1))
        >>> ops.convert_to_numpy(composed([row, column]))[..., 0, 0].tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    shapes = [tuple(kernel.shape) for kernel in kernels]
    if _cost(shapes, from_left=True) <= _cost(shapes, from_left=False):
        return functools.reduce(
            lambda a, b: _pair(a, b, groups), kernels[1:], ops.convert_to_tensor(kernels[0])
        )
    return functools.reduce(
        lambda b, a: _pair(a, b, groups), kernels[-2::-1], ops.convert_to_tensor(kernels[-1])
    )


def composition_cost(sizes: Sequence[Size], widths: Sequence[int], groups: int = 1) -> int:
    """Return the multiply-adds of `composed`.

    Example:
        >>> composition_cost([(3, 3), (1, 1)], [2, 4, 5])
        360
    """
    shapes = [(*size, widths[j] // groups, widths[j + 1]) for j, size in enumerate(sizes)]
    return min(_cost(shapes, from_left) for from_left in (True, False))


def _cost(shapes: Sequence[tuple[int, ...]], from_left: bool) -> int:
    total = 0
    done, *rest = shapes if from_left else shapes[::-1]
    for shape in rest:
        first, second = (done, shape) if from_left else (shape, done)
        size = composed_size([first[:2], second[:2]])
        # `_pair` slides the smaller of the two over all positions of the result, or multiplies tap by tap.
        taps = 1 if 1 in (first[0] * first[1], second[0] * second[1]) else second[0] * second[1]
        # (c_0 / groups) (c_1 / groups) c_2: the groups of c_1 have been divided out once in each shape.
        total += size[0] * size[1] * taps * first[2] * second[2] * second[3]
        done = (*size, first[2], second[3])
    return total


def _pair(first: Any, second: Any, groups: int) -> Any:
    size = composed_size([first.shape[:2], second.shape[:2]])
    if second.shape[0] * second.shape[1] == 1:
        # A matrix product, in each group g, at every tap of the other kernel.
        product = ops.einsum(
            "hwigm,mgo->hwigo", _by_group(first, groups), _by_group(second, groups)[0, 0]
        )
        return ops.reshape(product, (*size, first.shape[2], second.shape[3]))
    if first.shape[0] * first.shape[1] == 1:
        product = ops.einsum(
            "igm,hwmgo->hwigo", _by_group(first, groups)[0, 0], _by_group(second, groups)
        )
        return ops.reshape(product, (*size, first.shape[2], second.shape[3]))
    # As a convolution: the rows of the first kernel are images, padded such that every overlap counts.
    height, width = second.shape[0] - 1, second.shape[1] - 1
    images = ops.pad(
        ops.transpose(first, (2, 0, 1, 3)), [(0, 0), (height, height), (width, width), (0, 0)]
    )
    product = ops.conv(
        images, ops.flip(second, axis=(0, 1)), padding="valid", data_format="channels_last"
    )
    return ops.transpose(product, (1, 2, 0, 3))


def _by_group(kernel: Any, groups: int) -> Any:
    """Return (height, width, in / groups, out) as (height, width, in / groups, groups, out / groups)."""
    return ops.reshape(kernel, (*kernel.shape[:3], groups, kernel.shape[3] // groups))
