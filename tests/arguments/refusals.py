"""Bad values for every kind of argument, and the cases of a table of functions.

A table maps each public function or constructor to good arguments and to bad values of each
argument. Every bad value must end in an InputError of one line that names the argument.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from overparam_tf.errors import InputError

NAN, INFINITE = float("nan"), float("inf")

# A whole number >= 0; a positive one; one or None.
WHOLE = (None, NAN, INFINITE, "3", [3], True, -1, 1.5)
POSITIVE = (*WHOLE, 0)
OPTIONAL_INTEGER = (NAN, INFINITE, "3", [3], True, 1.5)
# A finite number >= 0; one or None.
NOT_NEGATIVE = (None, NAN, INFINITE, -INFINITE, "3", [3.0], True, -1)
OPTIONAL_NOT_NEGATIVE = NOT_NEGATIVE[1:]
# True or False.
FLAG = (None, NAN, INFINITE, "yes", [True], -1, 0)
# One of several names; a text.
NAME = (None, NAN, INFINITE, "no such name", ["auto"], True, -1)
TEXT = (None, NAN, INFINITE, ["text"], True, -1)
# A Keras object, its name or None.
OPTIONAL_OBJECT = (NAN, INFINITE, "no such name", ["no such name"], True, -1)
OBJECT = (None, *OPTIONAL_OBJECT)
# Numbers in an array; a model or layer; a path.
ARRAY = (None, "text", ["text"], {})
MODEL = (None, NAN, INFINITE, "text", [1], True, -1)
PATH = (None, NAN, INFINITE, ["text"], True, -1)
# Inner dimensions of a product of two factors.
WIDTH = (NAN, INFINITE, "3", [], [None], [NAN], ["3"], [1, 2], True, -1, 0, 1.5)

Table = dict[Callable[..., Any], tuple[dict[str, Any], dict[str, tuple[Any, ...]]]]


def cases(table: Table) -> list[Any]:
    """Return, for every bad value, a function, its arguments with it, and the argument's name."""
    return [
        pytest.param(
            function, {**good, name: value}, name, id=f"{function.__name__}-{name}={value!r}"
        )
        for function, (good, bad) in table.items()
        for name, values in bad.items()
        for value in values
    ]


def assert_refused(function: Callable[..., Any], arguments: dict[str, Any], name: str) -> None:
    """Assert that a call ends in an InputError of one line that names the argument."""
    with pytest.raises(InputError) as caught:
        function(**arguments)
    message = str(caught.value)
    assert name in message and "Received: " in message and "\n" not in message
