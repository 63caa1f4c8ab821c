"""Matrices, lists and mappings, entry by entry."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from overparam_tf.errors import input_error

T = TypeVar("T")


def real_matrix(name: str, values: object) -> np.ndarray:
    """Return `values` as a new float64 matrix of finite numbers, its rows contiguous.

    Args:
        name: The argument's name, for the message.
        values: A nested list, an array or a tensor of shape (rows, columns), both at least 1.

    Raises:
        InputError: If it holds anything but real numbers, has another number of axes or no entry,
            or if an entry is NaN or infinite.

    Example:
        >>> real_matrix("x", [[1, 2]]).dtype.name
        'float64'
    """
    try:
        matrix = np.asarray(values)
        if matrix.dtype.kind not in "biufOV":  # V: bfloat16, which NumPy has not itself
            raise ValueError
        matrix = np.array(matrix, dtype=np.float64, order="C")
    except (RuntimeError, TypeError, ValueError):
        raise input_error(f"a matrix of numbers for {name}", **{name: values}) from None
    if matrix.ndim != 2 or not matrix.size:
        received = {f"{name}.shape": matrix.shape} if hasattr(values, "shape") else {name: values}
        raise input_error(f"a matrix of numbers, not empty, for {name}", **received)
    finite = np.isfinite(matrix)
    if not finite.all():
        row, column = np.argwhere(~finite)[0].tolist()
        raise input_error(
            f"finite numbers for {name}", **{f"{name}[{row}, {column}]": float(matrix[row, column])}
        )
    return matrix


def list_of(name: str, values: object, check: Callable[[str, object], T]) -> list[T]:
    """Return the entries of a list, tuple or other sequence, each as `check` returns it.

    Args:
        name: The argument's name, for the message.
        values: The argument.
        check: The check of one entry, called with `name` and the entry.

    Raises:
        InputError: If `values` is no sequence (a text is none) or an entry is refused.

    Example:
        >>> from overparam_tf.checks import positive_int
        >>> list_of("depths", (1, 2), positive_int)
        [1, 2]
    """
    # An array is no Sequence, but has what it takes: a length, and entries in order.
    ordered = isinstance(values, Sequence) or getattr(values, "ndim", None) == 1
    if isinstance(values, (str, bytes)) or not ordered:
        raise input_error(f"a list for {name}", **{name: values})
    return [check(name, entry) for entry in values]  # type: ignore[attr-defined]  # ordered, above


def mapping_of(name: str, values: object, check: Callable[[str, object], T]) -> dict[str, T]:
    """Return the entries of a mapping by their names, each as `check` returns it.

    Args:
        name: The argument's name, for the message.
        values: The argument.
        check: The check of one entry, called with `name` and the entry.

    Raises:
        InputError: If `values` is no mapping, a key is no text, or an entry is refused.

    Example:
        >>> from overparam_tf.checks import real_number
        >>> mapping_of("targets", {"half": 1}, real_number)
        {'half': 1.0}
    """
    if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
        raise input_error(f"a mapping with texts as keys for {name}", **{name: values})
    return {key: check(name, entry) for key, entry in values.items()}


def distinct(name: str, values: Sequence[T]) -> Sequence[T]:
    """Return `values` if no entry occurs twice.

    Raises:
        InputError: If one does.

    Example:
        >>> distinct("depths", (1, 2, 3))
        (1, 2, 3)
    """
    if has_duplicates(values):
        raise input_error(f"no entry of {name} twice", **{name: values})
    return values


def has_duplicates(values: Iterable[Hashable]) -> bool:
    """Return whether any entry occurs twice."""
    entries = list(values)
    return len(set(entries)) != len(entries)
