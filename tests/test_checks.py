"""The shared checks of arguments: what each lets through, in which type, and what it refuses."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from overparam_tf import checks
from overparam_tf.errors import InputError

NAN, INFINITE = float("nan"), float("inf")
NO_NUMBERS = [None, NAN, INFINITE, -INFINITE, "3", b"3", "", [3], (3,), {}, True, 3j, np.ones(2)]


class Unreadable:
    """A path object whose path is bytes."""

    def __fspath__(self):
        return b"logs"


# Check, arguments after the name, accepted value, expected result.
ACCEPTED = [
    (checks.whole_number, {}, 0, 0),
    (checks.whole_number, {}, np.int64(3), 3),
    (checks.whole_number, {"least": None}, -5, -5),
    (checks.whole_number, {"most": 3}, 3, 3),
    (checks.positive_int, {}, np.uint8(1), 1),
    (checks.real_number, {}, 3, 3.0),
    (checks.real_number, {}, np.float32(0.5), 0.5),
    (checks.real_number, {"least": 0}, 0, 0.0),
    (checks.real_number, {"above": 0, "below": 1}, 0.5, 0.5),
    (checks.real_number, {"finite": False}, INFINITE, INFINITE),
    (checks.even_exponent, {}, 4.0, 4),
    (checks.even_exponent, {"least": 0}, np.int64(0), 0),
    (checks.boolean, {}, True, True),
    (checks.boolean, {}, np.False_, False),
    (checks.one_of, {"choices": ("a", None)}, None, None),
    (checks.instance_of, {"kind": str}, "text", "text"),
    (checks.instance_of, {"kind": (str, int)}, 3, 3),
    (checks.text, {}, "", ""),
    (checks.text, {"empty": False}, "GD", "GD"),
    (checks.file_path, {}, "logs", pathlib.Path("logs")),
    (checks.file_path, {}, pathlib.Path("logs"), pathlib.Path("logs")),
    (checks.function, {}, print, print),
    (checks.list_of, {"check": checks.positive_int}, (1, np.int64(2)), [1, 2]),
    (checks.list_of, {"check": checks.real_number}, np.array([1.0, 2.0]), [1.0, 2.0]),
    (checks.resolve, {"get": int, "expected": "digits"}, "12", 12),
    (checks.distinct, {}, (1, 2), (1, 2)),
]

# Check, arguments after the name, the words for what was expected, refused values.
REFUSED = [
    (checks.whole_number, {}, "an integer >= 0", [*NO_NUMBERS, -1, 1.0, np.float64(2)]),
    (checks.whole_number, {"least": None}, "an integer", [*NO_NUMBERS, 0.5]),
    (checks.whole_number, {"least": 2, "most": 4}, "an integer from 2 to 4", [1, 5, None]),
    (checks.whole_number, {"least": None, "most": 4}, "an integer <= 4", [5, None]),
    (checks.positive_int, {}, "a positive integer", [*NO_NUMBERS, 0, -3, 1.5]),
    (checks.real_number, {}, "a finite number", [*NO_NUMBERS, 10**400]),
    (checks.real_number, {"least": 0, "most": 1}, "a finite number >= 0 and <= 1", [-0.1, 1.1]),
    (checks.real_number, {"above": 0, "below": 1}, "a finite number > 0 and < 1", [0, 1, NAN]),
    (checks.real_number, {"least": 0, "finite": False}, "a number >= 0", [NAN, -1, -INFINITE]),
    (
        checks.even_exponent,
        {},
        "an even whole exponent argument >= 2",
        [*NO_NUMBERS, 0, 3, 2.5, -2],
    ),
    (checks.boolean, {}, "True or False", [None, 0, 1, "yes", NAN, [True], np.array([True])]),
    (checks.one_of, {"choices": ("a", "b")}, "one of 'a', 'b'", [None, "c", ["a"], NAN, True]),
    (checks.one_of, {"choices": (1, 2)}, "one of 1, 2", [True, 3, np.ones(2)]),
    (checks.instance_of, {"kind": str}, "a str", [None, 3, ["a"], NAN]),
    (checks.instance_of, {"kind": (str, int)}, "a str or a int", [None, 3.0]),
    (checks.instance_of, {"kind": str, "expected": "a title"}, "a title", [None, 3]),
    (checks.text, {}, "a text", [None, NAN, b"text", ["text"], True, 3]),
    (checks.text, {"empty": False}, "a text, not empty,", ["", None]),
    (checks.file_path, {}, "a path", [None, 3, b"logs", "a\0b", ["logs"], NAN, Unreadable()]),
    (checks.function, {}, "a function", [None, 3, "print", [print], NAN, True]),
    (checks.real_matrix, {}, "a matrix of numbers", [None, NAN, "3", [3], [], 3j, {}, True]),
    (checks.real_matrix, {}, "a matrix of numbers", [[[1j]], [["1"]], [[[1.0]]], [[]]]),
    (checks.list_of, {"check": checks.positive_int}, "a list", [None, "12", 3, {1}, NAN, True]),
    (checks.list_of, {"check": checks.positive_int}, "a positive integer", [[None], (1, 0)]),
    (checks.resolve, {"get": int, "expected": "digits"}, "digits", [None, "x", NAN, INFINITE, []]),
    (checks.distinct, {}, "no entry of argument twice", [(1, 1), ["a", "b", "a"]]),
]


@pytest.mark.parametrize(("check", "options", "value", "expected"), ACCEPTED)
def test_accepted_values_have_their_plain_type(check, options, value, expected):
    result = check("argument", value, **options)
    assert result == expected and type(result) is type(expected)


@pytest.mark.parametrize(
    ("check", "options", "words", "value"),
    [
        (check, options, words, value)
        for check, options, words, values in REFUSED
        for value in values
    ],
)
def test_refused_values_are_named_in_one_line(check, options, words, value):
    with pytest.raises(InputError) as caught:
        check("argument", value, **options)
    message = str(caught.value)
    assert message.startswith(f"Expected {words}") and "Received: argument=" in message
    assert "\n" not in message


@pytest.mark.parametrize("values", [[[1, 2]], np.ones((1, 2), np.float32), [[True, False]]])
def test_a_matrix_is_a_new_array_of_float64(values):
    matrix = checks.real_matrix("x", values)
    assert matrix.dtype == np.float64 and matrix.shape == (1, 2) and matrix is not values
    assert matrix.flags.c_contiguous and matrix.flags.writeable


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1.0, NAN]], r"Expected finite numbers for x. Received: x\[0, 1\]=nan"),
        ([[1.0], [-INFINITE]], r"Expected finite numbers for x. Received: x\[1, 0\]=-inf"),
        (np.ones((2, 1, 1)), r"Received: x.shape=\(2, 1, 1\)"),
        (np.ones(2), r"Received: x.shape=\(2,\)"),
        (np.ones((0, 2)), r"Received: x.shape=\(0, 2\)"),
        ([[1.0], [2.0, 3.0]], "a matrix of numbers for x"),
        ([[None]], r"x\[0, 0\]=nan"),
    ],
)
def test_a_matrix_of_other_entries_is_refused(values, message):
    with pytest.raises(InputError, match=message):
        checks.real_matrix("x", values)


def test_long_values_are_cut():
    with pytest.raises(InputError) as caught:
        checks.positive_int("depth", list(range(10_000)))
    assert len(str(caught.value)) < 300 and str(caught.value).endswith("...")
