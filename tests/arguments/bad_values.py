"""Values that hardly any argument accepts, and the one test of them all.

Every public argument must refuse a bad value by an `InputError` of one line that names it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from overparam_tf import InputError

NAN, INFINITE = float("nan"), float("inf")
BAD_VALUES = {
    "None": None,
    "NaN": NAN,
    "infinity": INFINITE,
    "a text": "some text",
    "a list": [None, 1.5],
    "a bool": True,
    "a negative number": -1,
}


class Kind(NamedTuple):
    """A kind of argument.

    Attributes:
        accepted: The names of `BAD_VALUES` that are right for it.
        more: Further values that are wrong for it.
    """

    accepted: tuple[str, ...] = ()
    more: tuple[Any, ...] = ()


# A whole number >= 0; a positive one; any integer or None; a finite number >= 0.
WHOLE = Kind(more=("3", [3], 1.5))
POSITIVE = Kind(more=("3", [3], 1.5, 0))
INTEGER_OR_NONE = Kind(("None", "a negative number"), ("3", [3], 1.5))
NOT_NEGATIVE = Kind(more=("3", [3.0], -INFINITE))
# Inner dimensions of a product of two factors.
WIDTH = Kind(("None",), ("3", [], [None], [NAN], ["3"], [1, 2], 0, 1.5))
# True or False; one of several names; a Keras object or its name, or None.
FLAG = Kind(("a bool",), ("yes", [True], 0))
NAME = Kind(more=(["auto"], 3))
OBJECT = Kind(more=(["no such name"],))
OBJECT_OR_NONE = Kind(("None",), (["no such name"],))
# Numbers in an array, which may be NaN; a model or layer; a path.
ARRAY = Kind(("NaN", "infinity", "a bool", "a negative number"), (["text"], {}))
MODEL = Kind(more=([1],))
PATH = Kind(("a text",), ("a\0b", [__file__], ""))


class Argument(NamedTuple):
    """One argument of a public function.

    Attributes:
        call: Calls the function with a value of the argument, all others being right.
        accepted: The names of `BAD_VALUES` that are right for it.
        more: Further values that are wrong for it.
    """

    call: Callable[[Any], object]
    accepted: tuple[str, ...] = ()
    more: tuple[Any, ...] = ()


def arguments_of(
    function: Callable[..., object], right: Mapping[str, Any], /, **kinds: Kind
) -> dict[str, Argument]:
    """Return arguments of a function by "function.argument".

    Args:
        function: Function or constructor.
        right: Values with which it can be called.
        **kinds: The kind of each argument.
    """

    def call(name: str, value: Any) -> object:
        return function(**{**right, name: value})

    return {
        f"{function.__name__}.{name}": Argument(functools.partial(call, name), *kind)
        for name, kind in kinds.items()
    }


def cases(arguments: Mapping[str, Argument]) -> list[tuple[str, str]]:
    """Return all pairs of an argument and a value, by their names, that it must refuse."""
    return [(name, value) for name in arguments for value in _values(arguments[name])]


def assert_refused(arguments: Mapping[str, Argument], name: str, value: str) -> None:
    """Assert that a value is refused in one line that names the argument, the end of `name`."""
    with pytest.raises(InputError) as caught:
        arguments[name].call(_values(arguments[name])[value])
    line = str(caught.value)
    *_, argument = re.split(r"[. ]", name)
    assert "\n" not in line and "Received" in line, line
    assert re.search(rf"\b{argument}\b", line), line


def _values(argument: Argument) -> dict[str, Any]:
    common = {name: value for name, value in BAD_VALUES.items() if name not in argument.accepted}
    return {**common, **{repr(value): value for value in argument.more}}
