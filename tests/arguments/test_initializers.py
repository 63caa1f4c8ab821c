"""Arguments of initializers and splits: every bad value is refused in one line."""

from __future__ import annotations

import numpy as np
import pytest

from overparam_tf import initializers
from overparam_tf.initializers import NearZero, balanced_factors, identity_factors
from tests.arguments import bad_values
from tests.arguments.bad_values import (
    INTEGER_OR_NONE,
    NOT_NEGATIVE,
    OBJECT,
    POSITIVE,
    WHOLE,
    WIDTH,
    Kind,
    arguments_of,
)

KERNEL = Kind(more=(["text"], {}, [1.0], [[1.0], [1.0, 2.0]]))
INTEGER = Kind(("a negative number",), INTEGER_OR_NONE.more)
RIGHT = {"kernel": np.eye(3), "depth": 2}
ARGUMENTS = {
    **arguments_of(NearZero, {}, stddev=NOT_NEGATIVE, seed=INTEGER_OR_NONE),
    **arguments_of(initializers.get, {}, identifier=OBJECT),
    **arguments_of(initializers.factor_seed, {"seed": 0, "j": 0}, seed=INTEGER, j=WHOLE),
    **arguments_of(initializers.per_factor, {"initializer": NearZero()}, j=WHOLE),
    **arguments_of(balanced_factors, RIGHT, kernel=KERNEL, depth=POSITIVE, widths=WIDTH),
    **arguments_of(identity_factors, RIGHT, kernel=KERNEL, depth=POSITIVE, widths=WIDTH),
}


@pytest.mark.parametrize(("name", "value"), bad_values.cases(ARGUMENTS))
def test_bad_values_are_refused(name, value):
    bad_values.assert_refused(ARGUMENTS, name, value)


@pytest.mark.parametrize("seed", [None, 3, np.int64(2**31), np.uint32(5)])
def test_seeds_of_any_integer_type_are_let_through(seed):
    assert NearZero(seed=seed)((2, 2)).shape == (2, 2)
