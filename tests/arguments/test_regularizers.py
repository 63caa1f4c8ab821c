"""Arguments of `penalty_on`: every bad value is refused in one line."""

from __future__ import annotations

import pytest

from overparam_tf.regularizers import penalty_on
from tests.arguments import bad_values
from tests.arguments.bad_values import NAME, OBJECT_OR_NONE, POSITIVE, arguments_of

ARGUMENTS = arguments_of(
    penalty_on,
    {"place": "first", "regularizer": "l2"},
    place=NAME,
    regularizer=OBJECT_OR_NONE,
    depth=POSITIVE,
)


@pytest.mark.parametrize(("name", "value"), bad_values.cases(ARGUMENTS))
def test_bad_values_are_refused(name, value):
    bad_values.assert_refused(ARGUMENTS, name, value)
