"""Arguments of initializers and splits: every bad value is refused in one line."""

from __future__ import annotations

import numpy as np
import pytest

from overparam_tf import initializers
from overparam_tf.initializers import NearZero, balanced_factors, identity_factors
from tests.arguments import refusals

KERNEL = (*refusals.ARRAY, refusals.NAN, refusals.INFINITE, [1.0], [[1.0], [1.0, 2.0]], True, -1)
SPLIT = (
    {"kernel": np.eye(3), "depth": 2},
    {"kernel": KERNEL, "depth": refusals.POSITIVE, "widths": refusals.WIDTH},
)
TABLE = {
    NearZero: (
        {},
        {
            "stddev": refusals.NOT_NEGATIVE,
            "seed": (refusals.NAN, refusals.INFINITE, "3", [3], True, 1.5),
        },
    ),
    initializers.get: ({}, {"identifier": refusals.OBJECT}),
    initializers.factor_seed: (
        {"seed": 0, "j": 0},
        {"seed": (None, *refusals.OPTIONAL_INTEGER), "j": refusals.WHOLE},
    ),
    initializers.per_factor: ({"initializer": NearZero()}, {"j": refusals.WHOLE}),
    balanced_factors: SPLIT,
    identity_factors: SPLIT,
}


def argument_in_message(name):
    # The splits call their inner dimensions widths, the layers width.
    return {"widths": "width", "identifier": "initializer"}.get(name, name)


@pytest.mark.parametrize(("function", "arguments", "name"), refusals.cases(TABLE))
def test_bad_values_are_refused(function, arguments, name):
    refusals.assert_refused(function, arguments, argument_in_message(name))


@pytest.mark.parametrize("seed", [None, 3, np.int64(2**31), np.uint32(5)])
def test_seeds_of_any_integer_type_are_let_through(seed):
    assert NearZero(seed=seed)((2, 2)).shape == (2, 2)
