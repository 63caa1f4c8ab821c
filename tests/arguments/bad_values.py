"""Values that hardly any argument accepts, and the one test of them all."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from overparam_tf import InputError

BAD_VALUES = {
    "None": None,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "a text": "some text",
    "a list": [None, 1.5],
    "a bool": True,
    "a negative number": -1,
}


class Argument(NamedTuple):
    """One argument of a public function.

    Attributes:
        call: Calls the function with a value of the argument, all others being right.
        accepted: The names of `BAD_VALUES` that are right for it.
    """

    call: Callable[[Any], object]
    accepted: tuple[str, ...] = ()


def cases(arguments: Mapping[str, Argument]) -> list[tuple[str, str]]:
    """Return all pairs of an argument and a value that it must refuse."""
    return [
        (name, value)
        for name, value in itertools.product(arguments, BAD_VALUES)
        if value not in arguments[name].accepted
    ]


def assert_refused(arguments: Mapping[str, Argument], name: str, value: str) -> None:
    """Assert that a value is refused in one line that names the argument, the end of `name`."""
    with pytest.raises(InputError) as caught:
        arguments[name].call(BAD_VALUES[value])
    line = str(caught.value)
    *_, argument = re.split(r"[. ]", name)
    assert "\n" not in line and "Received" in line, line
    assert re.search(rf"\b{argument}\b", line), line
