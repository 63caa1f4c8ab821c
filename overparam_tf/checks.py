"""The checks of arguments that all public functions share.

Each returns the argument in its plain Python type, or raises an `InputError` that names the argument, what was
expected, and what came. None, NaN, infinity, text, booleans and lists are refused wherever a number is expected.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection, Iterable, Sequence
from typing import Any, TypeVar

from overparam_tf.errors import input_error

T = TypeVar("T")


def whole_number(name: str, value: object, *, least: int = 0, most: int | None = None) -> int:
    """Return `value` as an int from `least` to `most`.

    Args:
        name: The argument's name, for the message.
        value: The argument.
        least: The lowest value allowed; default 0.
        most: The highest value allowed; default None, no limit.

    Raises:
        InputError: If `value` is no integer (a bool is none) or out of its range.

    Example:
        >>> import numpy as np
        >>> whole_number("seed", np.int64(3))
        3
    """
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        number = int(value)
        if least <= number and (most is None or number <= most):
            return number
    if most is not None:
        words = f"an integer from {least} to {most}"
    else:
        words = "a positive integer" if least == 1 else f"an integer >= {least}"
    raise input_error(f"{words} for {name}", **{name: value})


def positive_int(name: str, value: object) -> int:
    """Return `value` as an int >= 1; see `whole_number`."""
    return whole_number(name, value, least=1)


def real_number(
    name: str,
    value: object,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a finite float within its limits.

    Args:
        name: The argument's name, for the message.
        value: The argument: a Python or NumPy number.
        least: The lowest value allowed.
        above: The value must be greater than this.
        most: The highest value allowed.
        below: The value must be less than this.

    Raises:
        InputError: If `value` is no number (a bool is none), NaN, infinite, or out of its range.

    Example:
        >>> real_number("learning_rate", 1, above=0)
        1.0
    """
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:  # an int beyond the largest float
            number = math.inf
        if math.isfinite(number) and not (
            (least is not None and number < least)
            or (above is not None and number <= above)
            or (most is not None and number > most)
            or (below is not None and number >= below)
        ):
            return number
    limits = [
        f"{sign} {limit:g}"
        for sign, limit in ((">=", least), (">", above), ("<=", most), ("<", below))
        if limit is not None
    ]
    words = "a finite number" + (f" {' and '.join(limits)}" if limits else "")
    raise input_error(f"{words} for {name}", **{name: value})


def one_of(name: str, value: T, choices: Collection[T]) -> T:
    """Return `value` if it is among `choices`.

    Raises:
        InputError: If it is not.

    Example:
        >>> one_of("dtype", "float32", ("float32", "float64"))
        'float32'
    """
    # A list or an array has no hash, and compares element by element: by type first.
    if any(type(value) is type(choice) and value == choice for choice in choices):
        return value
    shown = ", ".join(map(repr, choices))
    raise input_error(f"one of {shown} for {name}", **{name: value})


def instance_of(name: str, value: Any, kind: type[T], expected: str | None = None) -> T:
    """Return `value` if it is an instance of `kind`.

    Args:
        name: The argument's name, for the message.
        value: The argument.
        kind: Its class.
        expected: What to say instead of the name of the class.

    Raises:
        InputError: If it is not.

    Example:
        >>> instance_of("title", "GD", str)
        'GD'
    """
    if isinstance(value, kind):
        return value
    raise input_error(f"{expected or f'a {kind.__name__}'} for {name}", **{name: value})


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


def has_duplicates(values: Iterable[Any]) -> bool:
    """Return whether any entry occurs twice."""
    entries = list(values)
    return len(set(entries)) != len(entries)
