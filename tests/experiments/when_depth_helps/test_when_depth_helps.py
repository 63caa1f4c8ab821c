"""Steps to a target by independent routes, cells with bounds only, the run folder, bad input."""

from __future__ import annotations

import json

import keras
import numpy as np
import pandas as pd
import pytest

from experiments.harness.speed_up import Bound
from experiments.when_depth_helps.cells import cell_table, with_speed_up
from experiments.when_depth_helps.claims import ceiling, claims_of
from experiments.when_depth_helps.depth_scan import Task, balanced_start, fewest_steps
from experiments.when_depth_helps.experiment import EXPERIMENT
from experiments.when_depth_helps.theory import label_kurtosis, theory
from overparam_tf import FactorizedDense, LpLoss, Problem, Sweep, Variant
from overparam_tf.datasets import synthetic_regression
from tests.event_files import events
from tests.experiments.refusals import assert_refused

FIGURES = [
    "phase_diagram_0_05",
    "phase_diagram_0_2",
    "speed_up_against_kurtosis",
    "speed_up_against_steps",
]


def problem(seed=0):
    difficulty = {"condition": 50, "kurtosis": 2, "alignment": 0.5}
    x, y = synthetic_regression(40, 5, **difficulty, seed=seed)
    return Problem("small", x, y, "generated", "none", synthetic=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("logs")
    grid = "--conditions 1 300 --kurtoses 2 6 --alignments 0.25 0.9 --powers 2 4"
    size = "--rows 30 --features 4 --steps 150 --targets 0.2 0.05 --seeds 0 1"
    options = f"--data synthetic --quiet --rates-per-decade 4 {grid} {size}".split()
    EXPERIMENT.main(["--logdir", str(logdir), *options])
    return next((logdir / "when_depth_helps").iterdir())


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
        model.compile(keras.optimizers.SGD(rate), LpLoss(p))
        model.fit(data.x, data.y, batch_size=40, epochs=steps - 1, verbose=0)
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


CELLS = {  # steps of depth 1 and 2 by seed -> speed-up, mark of its bound
    "exact": ([(90, 30), (80, 40), (50, 50)], 2.0, ""),
    "a seed at least": ([(90, 30), (None, 25), (50, 50)], 3.0, ">"),
    "a seed unknown": ([(90, 30), (None, None), (50, 50)], np.nan, "?"),
    "bounded from both sides": ([(None, 30), (90, None)], np.nan, "?"),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_cell_says_what_its_seeds_know(case):
    seeds, speed_up, mark = CELLS[case]
    rows = pd.DataFrame(seeds, columns=["steps_1", "steps_2"])
    rows = rows.assign(
        problem="generated", target=0.1, p=4, alignment=0.5, condition=10.0, kurtosis=3.0
    )
    cell = cell_table(with_speed_up(rows, limit=100)).iloc[0]
    assert Bound(cell["bound"]).mark == mark
    assert cell["speed_up"] == pytest.approx(speed_up, nan_ok=True)
    assert cell["seeds"] == len(seeds)


@pytest.mark.parametrize(("ratio", "kurtosis"), [(1, 1), (2, 34 / 25), (1e6, 2)])
def test_kurtosis_of_two_labels(ratio, kurtosis):
    assert label_kurtosis(ratio) == pytest.approx(kurtosis)
    labels = np.array([ratio, 1.0])
    assert label_kurtosis(ratio) == pytest.approx(np.mean(labels**4) / np.mean(labels**2) ** 2)


def test_the_theory_of_two_examples_gains_about_two():
    rows = theory((4,), per_decade=8).set_index("ratio")
    assert 1.5 < rows.loc[5, "speed_up"] < 2.5 and rows.loc[1, "speed_up"] <= 1
    assert ceiling(0.1, 2) == 1 and ceiling(0.0001, 4) == pytest.approx(100)


def test_the_run_folder_explains_itself(finished):
    config = json.loads((finished / "config.json").read_text())
    assert config["data"]["measured"]["kurtosis"] > 5
    assert {"command", "commit", "versions"} <= set(config)
    results = pd.read_csv(finished / "results.csv")
    # p = 2: one kurtosis stands for all; the data: the first target of each p.
    assert len(results) == (2 * 1 * 2 + 2 * 2 * 2) * 2 * 2 + 2
    assert not results[["at_edge_1", "at_edge_2"]].to_numpy().any()
    assert sorted(path.stem for path in (finished / "figures").glob("*.png")) == FIGURES


def test_redraw_needs_only_the_folder(finished, capsys):
    for figure in (finished / "figures").iterdir():
        figure.unlink()
    EXPERIMENT.main(["--logdir", str(finished.parents[1]), "--redraw", finished.name])
    output = capsys.readouterr().out
    assert sorted(path.stem for path in (finished / "figures").iterdir()) == FIGURES
    assert "L4: depth 2 takes fewer steps" in output
    assert {"results", "claims", *(f"figures/{name}" for name in FIGURES)} <= set(
        events(finished / "tb" / "charts")
    )


def test_claims_follow_the_numbers():
    axes = {"problem": "generated", "target": 0.1, "p": 4, "alignment": 0.5, "seed": 0}
    rows = [
        {
            **axes,
            "condition": c,
            "kurtosis": k,
            "steps_1": 20 * c + k,
            "steps_2": 20,
            "at_edge_1": c > 5,
        }
        for c in (1.0, 2.0, 9.0)
        for k in (1, 9)
    ]
    results = with_speed_up(pd.DataFrame(rows).assign(at_edge_2=False), limit=1000)
    verdicts = {claim.text: claim.held for claim in claims_of(results, cell_table(results))}
    assert verdicts["L4: depth 2 takes fewer steps wherever that is worth while"]
    assert verdicts["L4: a larger condition number makes the speed-up larger"]
    assert verdicts["L4: a heavier tail makes the speed-up larger"]
    assert verdicts["L4: less alignment makes the speed-up larger"] is None
    assert not verdicts[
        "L4: no speed-up is above what the curvature loses on the way, target^-(p-2)/p"
    ]
    assert not verdicts["no best rate lies at an edge of its grid"]


BAD = {
    "odd p": ["--powers", "3"],
    "large p": ["--powers", "10"],
    "condition below 1": ["--conditions", "0.5"],
    "impossible kurtosis": ["--kurtoses", "0.9"],
    "kurtosis above the rows'": ["--kurtoses", "100"],
    "alignment above 1": ["--alignments", "1.5"],
    "alignment twice": ["--alignments", "0.5", "0.5"],
    "target reached at once": ["--targets", "1"],
    "too few rows": ["--rows", "10"],
    "nothing explained, NaN": ["--explained", "nan"],
    "no rates": ["--rates-per-decade", "0"],
    "no steps": ["--steps", "0"],
    "negative seed": ["--seeds", "-1"],
    "unknown run to redraw": ["--redraw", "nothing"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, tmp_path, capsys):
    arguments = ["--data", "synthetic", *BAD[case]]
    assert_refused("when_depth_helps", EXPERIMENT.main, arguments, tmp_path / "logs", capsys)
