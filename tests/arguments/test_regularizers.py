"""Arguments of `penalty_on`: every bad value is refused in one line."""

from __future__ import annotations

import pytest

from overparam_tf.regularizers import penalty_on
from tests.arguments import refusals

TABLE = {
    penalty_on: (
        {"place": "first", "regularizer": "l2"},
        {
            "place": refusals.NAME,
            "regularizer": refusals.OPTIONAL_OBJECT,
            "depth": refusals.POSITIVE,
        },
    ),
}


@pytest.mark.parametrize(("function", "arguments", "name"), refusals.cases(TABLE))
def test_bad_values_are_refused(function, arguments, name):
    refusals.assert_refused(function, arguments, name)
