"""A single run recorded step by step, against the same run of a sweep."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from overparam_tf import InputError, LpLoss, Problem, RecordedRun, Sweep, Variant
from tests.cases import small_problem


def data(rows=30, features=4):
    rng = np.random.default_rng(0)
    return rng.standard_normal((rows, features)), rng.standard_normal((rows, 1))


def factors(depth, features=4):
    rng = np.random.default_rng(1)
    return [
        rng.standard_normal((features, 1)),
        *(rng.standard_normal((1, 1)) for _ in range(depth - 1)),
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_recorded_run_is_that_of_the_sweep(dtype):
    x, y = data()
    problem = Problem("small", x, y, "random", "none", synthetic=True)
    variant = Variant("GD", depth=3, learning_rates=(0.02,), initial_factors=factors(3))
    history = Sweep(problem, [variant], LpLoss(4), dtype).run(40)
    descent = RecordedRun(problem, variant, keras.optimizers.SGD(0.02), LpLoss(4), dtype)
    parts = [descent.advance(steps) for steps in (25, 16)]
    losses, entries = (np.concatenate(values) for values in zip(*parts, strict=True))
    np.testing.assert_allclose(losses, history.curve("GD", 0.02)[1], rtol=1e-5)
    for factor, trained in zip(descent.factors(entries[40]), history.weights[0], strict=True):
        np.testing.assert_allclose(factor, trained, rtol=1e-4)


def test_clipping_is_by_the_norm_of_all_factors():
    x, y = data()
    problem = Problem("small", x, 100 * y, "random", "none", synthetic=True)
    variant = Variant("GD", depth=2, initial_factors=factors(2))
    descent = RecordedRun(
        problem, variant, keras.optimizers.SGD(0.1, global_clipnorm=0.5), LpLoss(4), "float64"
    )
    _, entries = descent.advance(3)
    np.testing.assert_allclose(np.linalg.norm(np.diff(entries, axis=0), axis=1), 0.1 * 0.5)


@pytest.mark.parametrize("depth", [2, 3])
def test_the_balance_moves_by_differences_of_squared_steps(depth):
    x, y = data()
    problem = Problem("small", x, y, "random", "none", synthetic=True)
    variant = Variant("GD", depth=depth, initial_factors=factors(depth))
    descent = RecordedRun(problem, variant, keras.optimizers.SGD(0.01), LpLoss(4), "float64")
    _, entries = descent.advance(50)
    squares = np.array([[np.sum(factor**2) for factor in descent.factors(row)] for row in entries])
    steps = np.array(
        [[np.sum(step**2) for step in descent.factors(row)] for row in np.diff(entries, axis=0)]
    )
    moved, added = np.diff(squares[-1] - squares[0]), np.diff(steps.sum(0))
    np.testing.assert_allclose(moved, added, rtol=1e-9)


@pytest.mark.parametrize("changes", [{"learning_rates": (0.1, 0.2)}, {"update": "end_to_end"}])
def test_a_variant_of_other_runs_is_refused(changes):
    variant = Variant("GD", **changes)
    with pytest.raises(InputError, match=r"a variant of one learning rate.*Received: runs="):
        RecordedRun(small_problem(), variant, keras.optimizers.SGD(0.1), LpLoss(4))


@pytest.mark.parametrize("steps", [0, 2049, 1.5])
def test_a_call_of_too_many_steps_is_refused(steps):
    run = RecordedRun(small_problem(), Variant("GD"), keras.optimizers.SGD(0.1), LpLoss(4))
    with pytest.raises(InputError, match="an integer from 1 to 2048 for steps"):
        run.advance(steps)
