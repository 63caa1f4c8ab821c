"""Values of a kind: a choice, an instance, a text, a path, a function, or None."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

from overparam_tf.errors import InputError, input_error

T = TypeVar("T")


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


def optional(name: str, value: object, check: Callable[[str, object], T]) -> T | None:
    """Return None if `value` is None, and otherwise what `check` returns.

    Args:
        name: The argument's name, for the message.
        value: The argument.
        check: The check of a value other than None, called with `name` and the value.

    Raises:
        InputError: If the value is refused.

    Example:
        >>> from overparam_tf.checks import positive_int
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
