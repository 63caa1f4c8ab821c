"""Arguments of the data sets and the floor: every bad value is refused in one line."""

from __future__ import annotations

import numpy as np
import pytest

from overparam_tf import Digits, Problem, convex_floor, load, load_mnist
from overparam_tf.datasets import (
    measure_regression,
    preprocess,
    synthetic_digits,
    synthetic_gas,
    synthetic_regression,
)
from tests.arguments import refusals
from tests.arguments.refusals import INFINITE, NAN
from tests.datasets.digit_files import small_arrays

X, Y = np.arange(6.0).reshape(3, 2), np.ones((3, 1))
MATRIX = (None, NAN, INFINITE, "text", [1.0], ["text"], [["1"]], [[NAN]], [[None]], [], True, -1)
NAME = (*refusals.TEXT, "")
UNSIGNED_BYTES = (*MATRIX, np.ones((3, 28, 28)), np.ones(3, np.uint8))
WHERE = (None, NAN, INFINITE, ["data"], True, -1)
FUNCTION = (None, NAN, INFINITE, "print", [print], True, -1)
SIZE = (*refusals.POSITIVE, 3)  # 3 rows are too few for 2 features
SHARE = (*refusals.NOT_NEGATIVE, 1.5)
DATA = {
    "name_or_path": WHERE,
    "seed": refusals.WHOLE,
    "data_dir": WHERE,
    "download": refusals.FLAG,
    "announce": FUNCTION,
}
DIGITS = {**small_arrays(), "name": "mnist", "provenance": "made here", "synthetic": False}


def split(validation):
    return Digits(**DIGITS).split(validation)


TABLE = {
    load: (
        {"name_or_path": "synthetic"},
        {
            **DATA,
            "name_or_path": (*WHERE, "no/such/folder", "a\0b", "~nobody/data"),
            "gas": refusals.NAME,
            "preprocessing": refusals.NAME,
        },
    ),
    load_mnist: (
        {"name_or_path": "synthetic"},
        {**DATA, "name_or_path": (*WHERE, "no/such/folder", "a\0b", "~nobody/data")},
    ),
    Problem: (
        {
            "name": "toy",
            "x": X,
            "y": Y,
            "provenance": "made here",
            "preprocessing": "none",
            "synthetic": True,
        },
        {
            "name": NAME,
            "x": MATRIX,
            "y": MATRIX,
            "provenance": refusals.TEXT,
            "preprocessing": refusals.NAME,
            "synthetic": refusals.FLAG,
        },
    ),
    Digits: (
        DIGITS,
        {
            "name": NAME,
            "train_x": UNSIGNED_BYTES,
            "train_y": MATRIX,
            "test_x": UNSIGNED_BYTES,
            "test_y": MATRIX,
            "provenance": refusals.TEXT,
            "synthetic": refusals.FLAG,
        },
    ),
    split: ({"validation": 5}, {"validation": (*refusals.WHOLE, 20)}),
    preprocess: ({"x": X, "y": Y}, {"x": MATRIX, "y": MATRIX, "how": refusals.NAME}),
    measure_regression: ({"x": X, "y": Y}, {"x": MATRIX, "y": (*MATRIX, np.ones((2, 1)))}),
    synthetic_gas: (
        {"rows": 4, "features": 2},
        {"rows": SIZE, "features": (*refusals.POSITIVE, 1, 3), "seed": refusals.WHOLE},
    ),
    synthetic_digits: (
        {"train": 1, "test": 1},
        {"train": refusals.POSITIVE, "test": refusals.POSITIVE, "seed": refusals.WHOLE},
    ),
    synthetic_regression: (
        {"rows": 8, "features": 2},
        {
            "rows": SIZE,
            "features": (*refusals.POSITIVE, 1, 7),
            "condition": (*refusals.NOT_NEGATIVE, 0.5, 1e13),
            "kurtosis": (*refusals.NOT_NEGATIVE, 1.0, 4.0),
            "alignment": SHARE,
            "explained": SHARE,
            "seed": refusals.WHOLE,
        },
    ),
    convex_floor: (
        {"x": X, "y": Y},
        {
            "x": MATRIX,
            "y": (*MATRIX, np.ones((2, 1))),
            "p": (*refusals.NOT_NEGATIVE, 0, 3, 2.5),
            "scale": refusals.FLAG,
            "use_bias": refusals.FLAG,
            "tolerance": refusals.NOT_NEGATIVE,
        },
    ),
}


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv("OVERPARAM_TF_DATA", raising=False)


@pytest.mark.parametrize(("function", "arguments", "name"), refusals.cases(TABLE))
def test_bad_values_are_refused(function, arguments, name):
    # A path that holds no data is no matter of the argument's name.
    is_path = name == "name_or_path" and isinstance(arguments[name], str)
    refusals.assert_refused(function, arguments, "" if is_path else name)
