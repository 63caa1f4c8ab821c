"""Steps to a target by independent routes: Keras and the sweep engine."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest

from experiments.harness.speed_up import Bound
from experiments.when_depth_helps.cells import with_speed_up
from experiments.when_depth_helps.depth_scan import Task, balanced_start, fewest_steps
from overparam_tf import FactorizedDense, LpLoss, Problem, Sweep, Variant
from overparam_tf.datasets import synthetic_regression
from tests.cases import fit_whole_data


def problem(seed=0):
    difficulty = {"condition": 50, "kurtosis": 2, "alignment": 0.5}
    x, y = synthetic_regression(40, 5, **difficulty, seed=seed)
    return Problem("small", x, y, "generated", "none", synthetic=True)


@pytest.mark.parametrize(("p", "depth"), [(2, 2), (4, 1), (4, 2), (6, 2), (4, 3)])
def test_fewest_steps_are_those_of_keras_fit(p, depth, float64):
    data = problem()
    task = Task.from_problem(data, p, (0.3, 0.1))
    result = fewest_steps(task, depth, 1.0, per_decade=8, seed=3, limit=2000, dtype="float64")
    assert 2 <= result.steps[0] <= result.steps[1] and not result.at_edge
    for target, steps, rate in zip(task.targets, result.steps, result.rates, strict=True):
        layer = FactorizedDense(1, depth=depth, use_bias=False)
        model = keras.Sequential([keras.Input((5,)), layer])
        first, s = balanced_start(5, depth, seed=3)
        model.set_weights([first[:, None], *[np.array([[s]])] * (depth - 1)])
        model.compile(keras.optimizers.SGD(rate), LpLoss(p), jit_compile=False)
        fit_whole_data(model, data.x, data.y, steps - 1)
        before = model.evaluate(data.x, data.y, batch_size=40, verbose=0)
        model.fit(data.x, data.y, batch_size=40, verbose=0)
        assert model.evaluate(data.x, data.y, batch_size=40, verbose=0) <= target < before


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_best_rate_is_the_best_of_a_sweep_over_the_grid(depth):
    data, steps = problem(seed=1), 400
    task = Task.from_problem(data, 4, (0.05,))
    rates = tuple(task.rates(depth, 1.0, per_decade=8).tolist())
    variant = Variant(
        "GD", depth=depth, learning_rates=rates, seeds=(3,), initial_factors="balanced"
    )
    sweep = Sweep(data, [variant], LpLoss(4), "float64").run(
        steps, targets={"target": task.targets[0]}
    )
    result = fewest_steps(task, depth, 1.0, 8, seed=3, limit=steps, dtype="float64")
    assert result.steps[0] == sweep.runs["steps_to_target"].min()
    layer = variant.layer(5, 1, seed=3)
    np.testing.assert_allclose(
        balanced_start(5, depth, 3)[0], layer.factors[0].numpy()[:, 0], rtol=1e-5
    )


def test_at_depth_one_the_unit_is_the_limit_of_the_first_steps():
    task = Task.from_problem(problem(), 2, (0.1,))
    unit = task.rates(1, 7.0, per_decade=4)[3]  # three quarters of a decade from the low end
    assert unit == pytest.approx(2 / np.linalg.norm(task.x / np.sqrt(40), 2) ** 2)
    np.testing.assert_allclose(task.rates(2, 7.0, 4), task.rates(1, 1.0, 4) / 7)


def test_what_is_not_reached_is_said():
    task = Task.from_problem(problem(), 4, (0.3, 0.01))
    result = fewest_steps(task, 1, 1.0, 8, seed=0, limit=12)
    assert result.steps[0] is not None and result.steps[1] is None and result.norm > 0
    with_one = pd.DataFrame({"steps_1": [90, None, 90, None], "steps_2": [30, 50, None, None]})
    known = with_speed_up(with_one, limit=100)
    np.testing.assert_array_equal(known["speed_up"], [3, 2, 0.9, np.nan])
    assert [Bound(bound).mark for bound in known["bound"]] == ["", ">", "<", "?"]
