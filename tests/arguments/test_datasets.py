"""Arguments of the data sets and the floor: every bad value is refused in one line."""

from __future__ import annotations

import numpy as np
import pytest

from overparam_tf import DataError, Digits, Problem, convex_floor, load, load_mnist
from overparam_tf.datasets import (
    measure_regression,
    preprocess,
    synthetic_digits,
    synthetic_gas,
    synthetic_regression,
)
from tests.arguments import bad_values
from tests.arguments.bad_values import (
    FLAG,
    INFINITE,
    NAME,
    NAN,
    NOT_NEGATIVE,
    POSITIVE,
    WHOLE,
    Kind,
    arguments_of,
)
from tests.datasets.digit_files import small_arrays

X, Y = np.arange(6.0).reshape(3, 2), np.ones((3, 1))
MATRIX = Kind(more=([1.0], ["text"], [["1"]], [[NAN]], [[None]], []))
TARGETS = Kind(more=(*MATRIX.more, np.ones((2, 1))))  # of another number of rows, too
UNSIGNED_BYTES = Kind(more=(*MATRIX.more, np.ones((3, 28, 28)), np.ones((3, 2), np.uint8)))
TEXT, TITLE = Kind(("a text",), (["text"],)), Kind(("a text",), (["text"], ""))
PLACE = Kind(("a text",), (["data"],))
FUNCTION = Kind(more=("print", [print]))
ROWS = Kind(more=(*POSITIVE.more, 3, 10**14))  # too few for 2 features, too many for memory
SHARE = Kind(more=(*NOT_NEGATIVE.more, 1.5))
SEARCH = {
    "name_or_path": PLACE,
    "seed": WHOLE,
    "data_dir": PLACE,
    "download": FLAG,
    "announce": FUNCTION,
}
DIGITS = {**small_arrays(), "name": "mnist", "provenance": "made here", "synthetic": False}
PROBLEM = {
    "name": "toy",
    "x": X,
    "y": Y,
    "provenance": "made here",
    "preprocessing": "none",
    "synthetic": True,
}
STAND_IN = {"name_or_path": "synthetic"}


def split(validation):
    return Digits(**DIGITS).split(validation)


ARGUMENTS = {
    **arguments_of(load, STAND_IN, **SEARCH, gas=NAME, preprocessing=NAME),
    **arguments_of(load_mnist, STAND_IN, **SEARCH),
    **arguments_of(
        Problem,
        PROBLEM,
        name=TITLE,
        x=MATRIX,
        y=TARGETS,
        provenance=TEXT,
        preprocessing=NAME,
        synthetic=FLAG,
    ),
    **arguments_of(
        Digits,
        DIGITS,
        name=TITLE,
        train_x=UNSIGNED_BYTES,
        train_y=UNSIGNED_BYTES,
        test_x=UNSIGNED_BYTES,
        test_y=UNSIGNED_BYTES,
        provenance=TEXT,
        synthetic=FLAG,
    ),
    **arguments_of(split, {}, validation=Kind(more=(*WHOLE.more, 20))),
    **arguments_of(preprocess, {"x": X, "y": Y}, x=MATRIX, y=MATRIX, how=NAME),
    **arguments_of(measure_regression, {"x": X, "y": Y}, x=MATRIX, y=TARGETS),
    **arguments_of(
        synthetic_gas,
        {"rows": 4, "features": 2},
        rows=ROWS,
        features=Kind(more=(*POSITIVE.more, 1, 3)),
        seed=WHOLE,
    ),
    **arguments_of(
        synthetic_digits,
        {"train": 1, "test": 1},
        train=Kind(more=(*POSITIVE.more, 10**14)),
        test=POSITIVE,
        seed=WHOLE,
    ),
    **arguments_of(
        synthetic_regression,
        {"rows": 8, "features": 2},
        rows=ROWS,
        features=Kind(more=(*POSITIVE.more, 1, 7)),
        condition=Kind(more=(*NOT_NEGATIVE.more, 0.5, 1e13)),
        kurtosis=Kind(more=(*NOT_NEGATIVE.more, 1.0, 4.0)),
        alignment=SHARE,
        explained=SHARE,
        seed=WHOLE,
    ),
    **arguments_of(
        convex_floor,
        {"x": X, "y": Y},
        x=MATRIX,
        y=TARGETS,
        p=Kind(more=(*NOT_NEGATIVE.more, 0, 3, 2.5)),
        scale=FLAG,
        use_bias=FLAG,
        tolerance=Kind(more=(*NOT_NEGATIVE.more, -INFINITE)),
    ),
}


@pytest.mark.parametrize(("name", "value"), bad_values.cases(ARGUMENTS))
def test_bad_values_are_refused(name, value):
    bad_values.assert_refused(ARGUMENTS, name, value)


@pytest.mark.parametrize("path", ["no/such/folder", "a\0b", "~nobody/data", "n" * 5000])
@pytest.mark.parametrize("function", [load, load_mnist])
def test_a_path_without_data_is_refused(function, path):
    with pytest.raises(DataError, match=r"Received: .*which does not exist$") as caught:
        function(path)
    assert "\n" not in str(caught.value)
