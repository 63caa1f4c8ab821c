"""The checks of arguments that all public functions share.

Each returns the argument in its plain Python type, or raises an `InputError` that names the
argument, what was expected, and what was received. None, NaN, infinity, text, booleans and lists
are refused wherever a number is expected.
"""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from overparam_tf.errors import InputError, input_error

T = TypeVar("T")


def whole_number(
    name: str, value: object, *, least: int | None = 0, most: int | None = None
) -> int:
    """Return `value` as an int from `least` to `most`.

    Args:
        name: The argument's name, for the message.
        value: The argument.
        least: The lowest value allowed; default 0. None for no limit.
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
        if (least is None or least <= number) and (most is None or number <= most):
            return number
    raise input_error(f"{_range_of_integers(least, most)} for {name}", **{name: value})


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
    finite: bool = True,
) -> float:
    """Return `value` as a float within its limits.

    Args:
        name: The argument's name, for the message.
        value: The argument: a Python or NumPy number.
        least: The lowest value allowed; default None, no limit, as for the next three.
        above: The value must be greater than this.
        most: The highest value allowed.
        below: The value must be less than this.
        finite: Whether infinity is refused; default True. NaN always is.

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
        if not math.isnan(number) and not (
            (finite and math.isinf(number))
            or (least is not None and number < least)
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
    kind = "a finite number" if finite else "a number"
    words = " ".join([kind, " and ".join(limits)]).strip()
    raise input_error(f"{words} for {name}", **{name: value})


def even_exponent(name: str, value: object, *, least: int = 2) -> int:
    """Return an even whole exponent, such as 4 or 4.0, as an int.

    Args:
        name: The argument's name, for the message.
        value: The argument.
        least: The lowest value allowed; default 2.

    Raises:
        InputError: If `value` is not an even whole number, or below `least`.

    Example:
        >>> even_exponent("p", 4.0)
        4
    """
    try:
        exponent = real_number(name, value, least=least)
    except InputError:
        exponent = math.nan
    if exponent % 2 == 0:
        return int(exponent)
    raise input_error(f"an even whole exponent {name} >= {least}, such as 2 or 4", **{name: value})


def boolean(name: str, value: object) -> bool:
    """Return `value` as a bool.

    Raises:
        InputError: If `value` is neither a Python nor a NumPy bool.

    Example:
        >>> boolean("use_bias", True)
        True
    """
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise input_error(f"True or False for {name}", **{name: value})


def one_of(name: str, value: Any, choices: Collection[T]) -> T:
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
    names = ", ".join(map(repr, choices))
    raise input_error(f"one of {names} for {name}", **{name: value})


def instance_of(
    name: str,
    value: object,
    kind: type[T] | tuple[type[T], ...],
    expected: str | None = None,
) -> T:
    """Return `value` if it is an instance of `kind`.

    Args:
        name: The argument's name, for the message.
        value: The argument.
        kind: Its class, or a tuple of classes.
        expected: The words of the message; default None, the name of the class.

    Raises:
        InputError: If it is not.

    Example:
        >>> instance_of("title", "GD", str)
        'GD'
    """
    if isinstance(value, kind):
        return value
    kinds = kind if isinstance(kind, tuple) else (kind,)
    words = expected or " or ".join(f"a {one.__name__}" for one in kinds)
    raise input_error(f"{words} for {name}", **{name: value})


def text(name: str, value: object, *, empty: bool = True) -> str:
    """Return `value` if it is a text.

    Args:
        name: The argument's name, for the message.
        value: The argument.
        empty: Whether the text may be empty; default True.

    Raises:
        InputError: If it is no text, or empty where that is not allowed.

    Example:
        >>> text("title", "GD")
        'GD'
    """
    if isinstance(value, str) and (empty or value):
        return value
    raise input_error(f"a text{'' if empty else ', not empty,'} for {name}", **{name: value})


def file_path(name: str, value: object) -> Path:
    """Return `value` as a `Path`.

    Raises:
        InputError: If `value` is neither a text nor a path object of text, or an empty text, which
            `Path` takes for the working folder.

    Example:
        >>> file_path("logdir", "logs").name
        'logs'
    """
    if isinstance(value, (str, os.PathLike)):
        text = os.fspath(value)
        if isinstance(text, str) and text and "\0" not in text:
            return Path(text)
    raise input_error(f"a path for {name}", **{name: value})


def function(name: str, value: object) -> Callable[..., Any]:
    """Return `value` if it can be called.

    Raises:
        InputError: If it cannot.

    Example:
        >>> function("announce", print).__name__
        'print'
    """
    if callable(value):
        return value
    raise input_error(f"a function for {name}", **{name: value})


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
        >>> mapping_of("targets", {"half": 1}, real_number)
        {'half': 1.0}
    """
    if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
        raise input_error(f"a mapping with texts as keys for {name}", **{name: values})
    return {key: check(name, entry) for key, entry in values.items()}


def optional(name: str, value: object, check: Callable[[str, object], T]) -> T | None:
    """Return None if `value` is None, and otherwise what `check` returns.

    Args:
        name: The argument's name, for the message.
        value: The argument.
        check: The check of a value other than None, called with `name` and the value.

    Raises:
        InputError: If the value is refused.

    Example:
        >>> optional("batch_size", None, positive_int) is None
        True
    """
    return None if value is None else check(name, value)


def resolve(name: str, value: object, get: Callable[[Any], T], expected: str) -> T:
    """Return what `get` makes of `value`, such as `keras.activations.get` of a name.

    Args:
        name: The argument's name, for the message.
        value: The argument.
        get: The function that knows names and objects.
        expected: The words of the message.

    Raises:
        InputError: If `get` raises a TypeError, ValueError or OverflowError.

    Example:
        >>> resolve("limit", "12", int, "an integer in digits")
        12
    """
    try:
        return get(value)
    except InputError:
        raise
    except (OverflowError, TypeError, ValueError) as error:
        raise input_error(f"{expected} for {name}", **{name: value}) from error


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


def _range_of_integers(least: int | None, most: int | None) -> str:
    if least is not None and most is not None:
        return f"an integer from {least} to {most}"
    if most is not None:
        return f"an integer <= {most}"
    if least is None:
        return "an integer"
    return "a positive integer" if least == 1 else f"an integer >= {least}"
