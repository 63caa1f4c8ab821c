"""Depth, widths and shapes of factors: the checks that layers and initializers share."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from overparam_tf.checks import positive_int, whole_number
from overparam_tf.errors import input_error

Width = int | Sequence[int] | None


def check_width(width: Width, depth: int, name: str = "width") -> int | list[int] | None:
    """Return `width` as None, an int, or a list of `depth - 1` ints; `name` is for the message.

    Raises:
        InputError: If a width is not a positive integer, or the list has another length.
    """
    if width is None:
        return None
    if not isinstance(width, (list, tuple)):
        return positive_int(name, width)
    if len(width) != depth - 1:
        raise input_error(
            f"depth - 1 = {depth - 1} widths, one for each pair of neighbouring factors",
            **{name: list(width)},
        )
    return [positive_int(name, entry) for entry in width]


def factor_shapes(
    kernel_shape: Sequence[int], depth: int, width: Width = None, name: str = "width"
) -> list[tuple[int, int]]:
    """Return the shapes of the `depth` factors whose product has `kernel_shape`.

    Args:
        kernel_shape: (in, out).
        depth: Number of factors, >= 1.
        width: Inner dimensions: None for min(in, out), an int for all, or a list of `depth - 1`
            ints.
        name: The argument's name, for the message; default `"width"`.

    Returns:
        List of (rows, columns), the factor that touches the input first.

    Raises:
        InputError: If depth or a width is not a positive integer, or the list has the wrong length.

    Example:
        >>> factor_shapes((128, 10), 3)
        [(128, 10), (10, 10), (10, 10)]
        >>> factor_shapes((128, 10), 3, [20, 5])
        [(128, 20), (20, 5), (5, 10)]
    """
    depth = positive_int("depth", depth)
    widths = check_width(width, depth, name)
    if not isinstance(widths, list):
        widths = [min(kernel_shape) if widths is None else widths] * (depth - 1)
    rows, columns = kernel_shape
    return list(itertools.pairwise([rows, *widths, columns]))


def check_input_shape(input_shape: Sequence[int | None], least_rank: int) -> tuple[int | None, ...]:
    """Return an input shape as a tuple of sizes, None where a size is not known.

    Raises:
        InputError: If it is no list or tuple of sizes, or has fewer than `least_rank` of them.
    """
    expected = f"at least {least_rank} sizes, integers or None, for input_shape"
    if not isinstance(input_shape, (list, tuple)) or len(input_shape) < least_rank:
        raise input_error(expected, input_shape=input_shape)
    return tuple(
        None if size is None else whole_number("input_shape", size) for size in input_shape
    )
