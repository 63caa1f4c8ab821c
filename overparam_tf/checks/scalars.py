"""Numbers and flags: whole, real, even, true or false."""

from __future__ import annotations

import math
import numbers

import numpy as np

from overparam_tf.errors import InputError, input_error


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


def _range_of_integers(least: int | None, most: int | None) -> str:
    if least is not None and most is not None:
        return f"an integer from {least} to {most}"
    if most is not None:
        return f"an integer <= {most}"
    if least is None:
        return "an integer"
    return "a positive integer" if least == 1 else f"an integer >= {least}"
