"""The axes of weights that a user gives by hand, where the type of the layer does not tell."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from overparam_tf.checks import list_of, mapping_of, whole_number
from overparam_tf.errors import InputError
from overparam_tf.products import MatrixAxes, check_axes
from overparam_tf.surgery._kernels import Kernel
from overparam_tf.surgery._selection import close_names

Axes = Mapping[str, int | Sequence[int] | Sequence[Sequence[int]]]


def with_axes(kernels: dict[str, Kernel], weights: Axes | None) -> dict[str, Kernel]:
    """Return the kernels with the input axes that `weights` gives."""
    if weights is None:
        return kernels
    weights = mapping_of("weights", weights, _check_axes)
    for pattern in weights:
        if not any(is_matched(path, [pattern]) for path in kernels):
            names = [*kernels, *(path.rpartition("/")[2] for path in kernels)]
            raise InputError(
                "Expected names of weights with two or more axes. Received: "
                f"weights={pattern!r}, but no weight has such a name{close_names(names, pattern)}"
            )
    return {
        path: _with_own_axes(path, kernel, weights) if is_matched(path, weights) else kernel
        for path, kernel in kernels.items()
    }


def _with_own_axes(path: str, kernel: Kernel, weights: Mapping[str, Any]) -> Kernel:
    value = next(weights[pattern] for pattern in weights if is_matched(path, [pattern]))
    axes = _axes_of(value, len(kernel.variable.shape))
    if axes is None:
        raise InputError(
            f"Expected some but not all axes of a weight of {len(kernel.variable.shape)} axes for "
            f"{path!r}. Received: weights={value}"
        )
    obstacle = kernel.obstacle if kernel.axes is not None else None
    return dataclasses.replace(kernel, axes=axes, obstacle=obstacle)


def _axes_of(value: Any, rank: int) -> MatrixAxes | None:
    """Return the axes of a weight of `rank` axes, None if it has no such axes.

    Args:
        value: Both kinds of axes, or the input axes, of which all others are outputs.
        rank: The number of axes.
    """
    if isinstance(value, MatrixAxes):
        return value if value.fit(rank) else None
    inputs = {axis % rank if -rank <= axis < rank else rank for axis in value}
    if not inputs or rank in inputs or len(inputs) == rank:
        return None
    return MatrixAxes.from_inputs(sorted(inputs), rank)


def _check_axes(name: str, value: object) -> Any:
    def axis(name: str, value: object) -> int:
        return whole_number(name, value, least=None)

    if not isinstance(value, (list, tuple)):
        return [axis(name, value)]
    if any(isinstance(entry, (list, tuple)) for entry in value):
        return check_axes(name, value)
    return list_of(name, value, axis)


def is_matched(path: str, patterns: Iterable[str]) -> bool:
    """Return whether a weight has one of some names, or its path fits one of them as a pattern."""
    _, _, name = path.rpartition("/")
    return any(fnmatchcase(path, pattern) or name == pattern for pattern in patterns)
