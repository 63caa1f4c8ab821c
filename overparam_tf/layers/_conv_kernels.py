"""Composition of convolution kernels of shape (height, width, in / groups, out)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from overparam_tf.layers._conv_geometry import Size, composed_size

KernelShape = tuple[int, int, int, int]


def compose(kernels: Sequence[Any], groups: int = 1) -> Any:
    r"""Return the kernel of a chain of convolutions, without padding between them.

    What Keras calls a convolution is $y_p = \sum_d x_{p+d} A_d$. So the next one gives
    $z_p = \sum_e y_{p+e} B_e = \sum_t x_{p+t} \sum_{d+e=t} A_d B_e$: the full convolution of the
    kernels, with a matrix product in each group of channels. If all have the same dilation, t and
    its parts are spread alike.

    Args:
        kernels: Tensors (height_j, width_j, c_{j-1} / groups, c_j).
        groups: Number of groups of channels; default 1.

    Returns:
        Tensor (height, width, c_0 / groups, c_N), multiplied from the side that costs fewer
        multiply-adds.

    Example:
        >>> row, column = ops.ones((1, 3, 1, 1)), ops.ones((3, 1, 1, 1))
        >>> ops.convert_to_numpy(compose([row, column]))[..., 0, 0].tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    shapes = [tuple(kernel.shape) for kernel in kernels]
    first, last = kernels[0], kernels[-1]
    if _cost(shapes, from_left=True) <= _cost(shapes, from_left=False):
        return functools.reduce(
            lambda left, right: _pair(left, right, groups),
            kernels[1:],
            ops.convert_to_tensor(first),
        )
    return functools.reduce(
        lambda right, left: _pair(left, right, groups),
        kernels[-2::-1],
        ops.convert_to_tensor(last),
    )


def composition_cost(sizes: Sequence[Size], widths: Sequence[int], groups: int = 1) -> int:
    """Return the multiply-adds of `compose`.

    Args:
        sizes: Kernel size of each factor.
        widths: `[in, width_1, ..., width_{N-1}, out]`, of all groups together.
        groups: Number of groups of channels; default 1.

    Example:
        >>> composition_cost([(3, 3), (1, 1)], [2, 4, 5])
        360
    """
    shapes = [
        (height, width, widths[j] // groups, widths[j + 1])
        for j, (height, width) in enumerate(sizes)
    ]
    return min(_cost(shapes, from_left) for from_left in (True, False))


def _cost(shapes: Sequence[KernelShape], from_left: bool) -> int:
    total = 0
    done, *rest = shapes if from_left else shapes[::-1]
    for shape in rest:
        left, right = (done, shape) if from_left else (shape, done)
        left_taps, right_taps = math.prod(left[:2]), math.prod(right[:2])
        height, width = composed_size([left[:2], right[:2]])
        # `_pair` multiplies tap by tap if one of the two is 1x1. Otherwise it slides the right
        # kernel over all positions of the result.
        taps = 1 if 1 in (left_taps, right_taps) else right_taps
        # (c_0 / groups) (c_1 / groups) c_2: each shape has its input channels divided by groups.
        _, _, inputs, _ = left
        _, _, inner, outputs = right
        total += height * width * taps * inputs * inner * outputs
        done = (height, width, inputs, outputs)
    return total


def _pair(left: Any, right: Any, groups: int) -> Any:
    """Return the composition of two kernels."""
    size = composed_size([left.shape[:2], right.shape[:2]])
    shape = (*size, left.shape[2], right.shape[3])
    if math.prod(right.shape[:2]) == 1:
        # A matrix product, in each group g, at every tap of the other kernel.
        product = ops.einsum(
            "hwigm,mgo->hwigo", _by_group(left, groups), _by_group(right, groups)[0, 0]
        )
        return ops.reshape(product, shape)
    if math.prod(left.shape[:2]) == 1:
        product = ops.einsum(
            "igm,hwmgo->hwigo", _by_group(left, groups)[0, 0], _by_group(right, groups)
        )
        return ops.reshape(product, shape)
    # A convolution: the rows of the left kernel are images, padded such that every overlap counts.
    height, width = right.shape[0] - 1, right.shape[1] - 1
    images = ops.pad(
        ops.transpose(left, (2, 0, 1, 3)), [(0, 0), (height, height), (width, width), (0, 0)]
    )
    product = ops.conv(
        images, ops.flip(right, axis=(0, 1)), padding="valid", data_format="channels_last"
    )
    return ops.transpose(product, (1, 2, 0, 3))


def _by_group(kernel: Any, groups: int) -> Any:
    """Reshape a kernel (height, width, in / groups, out) to (..., groups, out / groups)."""
    return ops.reshape(kernel, (*kernel.shape[:3], groups, kernel.shape[3] // groups))
