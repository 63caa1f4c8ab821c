"""The argument `kernels` of `EndToEndSGD`: its checks, its config, and what it selects."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from overparam_tf.checks import instance_of, list_of
from overparam_tf.errors import InputError, input_error
from overparam_tf.optimizers.axes_of_layers import Axes
from overparam_tf.optimizers.kernel_roles import axes_by_path, is_bias, path_of
from overparam_tf.products import MatrixAxes, check_axes

Kernels = Sequence[str] | Mapping[str, Axes | None] | Callable[[Any], bool] | None


def check_kernels(kernels: Any) -> Any:
    """Return the argument `kernels`, a mapping as one of lists, as JSON has them.

    Raises:
        InputError: If it is not as `EndToEndSGD` describes it.
    """
    if kernels is None or callable(kernels):
        return kernels
    if isinstance(kernels, Mapping):
        return {
            _pattern("kernels", pattern): None if axes is None else _lists(axes)
            for pattern, axes in kernels.items()
        }
    try:
        return list_of("kernels", kernels, _pattern)
    except InputError:
        raise input_error(
            "None, a list of regular expressions, a mapping of them to axes or a function of the "
            "variable for kernels",
            kernels=kernels,
        ) from None


def serialize_kernels(kernels: Any) -> Any:
    """Return the argument `kernels` for a config."""
    if callable(kernels):
        return keras.saving.serialize_keras_object(kernels)
    # As plain lists and dicts: an optimizer holds its attributes in wrappers of its own.
    return None if kernels is None else check_kernels(kernels)


def deserialize_kernels(kernels: Any, custom_objects: dict[str, Any] | None) -> Any:
    """Return the argument `kernels` that a config holds."""
    is_function = isinstance(kernels, Mapping) and "class_name" in kernels
    return (
        keras.saving.deserialize_keras_object(kernels, custom_objects) if is_function else kernels
    )


def select_kernels(kernels: Any, variables: Sequence[Any]) -> list[MatrixAxes | None]:
    """Return the axes of every variable that follows the rule, and None for the others.

    Args:
        kernels: What `check_kernels` returned.
        variables: The variables of a model.

    Raises:
        InputError: If `kernels` selects none of them, or an axis that the variable lacks.
    """
    if kernels is None:
        return axes_by_path(variables)
    if isinstance(kernels, Mapping):
        return _mapped(kernels, variables)
    candidates = axes_by_path(variables, any_matrix=True)
    axes = [
        one if one is not None and _is_chosen(kernels, variable) else None
        for one, variable in zip(candidates, variables, strict=True)
    ]
    if not any(axes):
        matrices = [path_of(variable) for variable in variables if len(variable.shape) == 2]
        raise InputError(
            "Expected kernels to select at least one 2-D variable. "
            f"Received: kernels={kernels!r}, 2-D variables: {matrices}"
        )
    return axes


def _is_chosen(kernels: Any, variable: Any) -> bool:
    if callable(kernels):
        return bool(kernels(variable))
    return any(re.search(pattern, path_of(variable)) for pattern in kernels)


def _mapped(kernels: Mapping[str, Any], variables: Sequence[Any]) -> list[MatrixAxes | None]:
    selected = axes_by_path(variables)
    matched = False
    for index, variable in enumerate(variables):
        path = path_of(variable)
        for pattern, axes in kernels.items():
            if is_bias(variable) or not re.search(pattern, path):
                continue
            matched = True
            selected[index] = None if axes is None else _fitting(axes, variable)
            break
    if kernels and not matched:
        paths = [path_of(variable) for variable in variables]
        raise input_error(
            "a key of kernels in the path of at least one variable",
            kernels=dict(kernels),
            paths=paths,
        )
    return selected


def _fitting(axes: Any, variable: Any) -> MatrixAxes:
    found = check_axes("kernels", axes)
    if not found.fit(len(variable.shape)):
        raise input_error(
            f"axes of the variable {path_of(variable)} for kernels",
            axes=axes,
            shape=tuple(variable.shape),
        )
    return found


def _pattern(name: str, value: object) -> str:
    pattern = instance_of(name, value, str)
    try:
        re.compile(pattern)
    except re.error as error:
        raise input_error(f"a regular expression for {name}", **{name: pattern}) from error
    return pattern


def _lists(axes: Any) -> list[list[int]]:
    checked = check_axes("kernels", axes)
    return [list(checked.inputs), list(checked.outputs)]
