"""Depth, widths and factor shapes: one check for the layers, the initializers and whoever counts factors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from overparam_tf.checks import positive_int
from overparam_tf.errors import InputError

Width = int | Sequence[int] | None


def check_width(width: Width, depth: int) -> int | list[int] | None:
    """Return ``width`` as None, an int or a list of ``depth - 1`` ints, or raise `InputError`."""
    if width is None:
        return None
    if not isinstance(width, (list, tuple)):
        return positive_int("width", width)
    if len(width) != depth - 1:
        raise InputError(
            f"Expected depth - 1 = {depth - 1} widths, one for each pair of neighbouring factors. "
            f"Received: width={list(width)}"
        )
    return [positive_int("width", entry) for entry in width]


def factor_shapes(
    kernel_shape: Sequence[int], depth: int, width: Width = None
) -> list[tuple[int, int]]:
    """Return the shapes of the ``depth`` factors whose product has ``kernel_shape``.

    Args:
        kernel_shape: (in, out).
        depth: Number of factors, >= 1.
        width: Inner dimensions: None for min(in, out), an int for all, or a list of ``depth - 1`` ints.

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
    width = check_width(width, depth)
    if not isinstance(width, list):
        width = [min(kernel_shape) if width is None else width] * (depth - 1)
    sizes = [kernel_shape[0], *width, kernel_shape[1]]
    return list(itertools.pairwise(sizes))
