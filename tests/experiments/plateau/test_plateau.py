"""The two-example toy: known numbers, two independent routes to them, the run folder, bad input."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from experiments.harness.balanced_descent import NEVER
from experiments.harness.speed_up import Bound
from experiments.harness.two_examples import Scan, State, kernel_path, learning_rates, scan
from experiments.plateau.claims import claims_of
from experiments.plateau.experiment import EXPERIMENT
from experiments.plateau.searches import with_speed_ups
from overparam_tf import LpLoss, Problem, Sweep, Variant
from overparam_tf.dynamics import dense_reference
from tests.event_files import events, scalars
from tests.experiments.refusals import assert_refused

FIGURES = ["mechanism", "speed_up", "steps_against_rate", "trajectories"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("logs")
    options = "--ratios 1 3 10 --powers 2 4 --depths 1 2 --steps 3000 --quiet --name run".split()
    EXPERIMENT.main(["--logdir", str(logdir), *options])
    return logdir / "plateau" / "run"


@pytest.mark.parametrize(
    ("label", "p", "depth", "limit", "steps"),
    [
        (10, 4, 1, 3000, 2503),
        (10, 4, 2, 3000, 66),
        (100, 4, 1, 100_000, None),
        (100, 4, 2, 3000, 2201),
        (10, 2, 1, 100, 1),
        (10, 2, 2, 100, 12),
        (100, 2, 1, 100, 1),
        (100, 2, 2, 100, 15),
        (1, 4, 1, 100, 1),
        (1, 4, 2, 100, 2),
    ],
)
def test_known_numbers_at_the_best_rate_of_ten_a_decade(label, p, depth, limit, steps):
    result = scan(label, p, depth, learning_rates(label, p, depth, per_decade=10), limit)
    best = result.best()
    assert steps == (None if best is None else result.reached_steps[best])


def factors(start, depth):
    a, b, s = State.balanced(start, depth)
    return [np.array([[a], [b]])] + [np.array([[s]])] * (depth - 1)


@pytest.mark.parametrize(
    ("p", "depth", "rate"),
    [(4, 1, 0.01995), (4, 2, 0.1), (4, 3, 0.01995), (2, 3, 0.02), (6, 2, 0.2)],
)
def test_against_descent_on_whole_factors(p, depth, rate):
    labels, current = np.array([[10.0 if p < 6 else 2.0], [1.0]]), factors(1e-3, depth)
    kernels = [dense_reference.product(current)]
    for _ in range(120):
        current = dense_reference.descend(current, (kernels[-1] - labels) ** (p - 1), rate)
        kernels.append(dense_reference.product(current))
    steps, path = kernel_path(labels[0, 0], p, depth, rate, 120, 1e-3)
    np.testing.assert_allclose(path, np.array(kernels)[steps, :, 0], rtol=1e-6)
    fitted = np.flatnonzero([np.abs(kernel - labels).max() < 0.1 for kernel in kernels])
    reached = scan(labels[0, 0], p, depth, np.array([rate]), 120).reached_steps[0]
    assert reached == (fitted[0] if len(fitted) else NEVER)


@pytest.mark.parametrize(("depth", "rate", "steps"), [(2, 0.1, 66), (3, 10**-1.7, 97)])
def test_against_the_sweep_engine(depth, rate, steps):
    problem = Problem(
        "toy", np.eye(2), np.array([[10.0], [1.0]]), "two examples", "none", synthetic=True
    )
    # Its loss is the mean over the two examples, so it takes twice the rate.
    variant = Variant(
        "GD", depth=depth, learning_rates=(2 * rate,), initial_factors=factors(1e-3, depth)
    )
    sweep = Sweep(problem, [variant], LpLoss(4), "float64")
    kernels = [
        sweep.run(n).model("GD", 2 * rate).layers[0].kernel.numpy() for n in (steps - 1, steps)
    ]
    before, after = (np.abs(kernel - problem.y).max() for kernel in kernels)
    assert after < 0.1 <= before


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_the_start_is_balanced(depth):
    start = factors(1e-3, depth)
    np.testing.assert_allclose(dense_reference.product(start), 1e-3, rtol=1e-12)
    assert depth == 1 or np.linalg.norm(start[0]) == pytest.approx(start[1].item())


def test_depth_one_is_stable_up_to_the_known_rate():
    # e <- e (1 - eta e^2) shrinks from e = 10 for eta < 2 / 100.
    rates = np.array([0.001, 0.0199, 0.0201, 0.03])
    result = scan(10, 4, 1, rates, 3000)
    assert result.never_rises.tolist() == [True, True, False, False]
    assert result.stable().rates.tolist() == [0.001, 0.0199]
    assert (result.reached_steps != NEVER).tolist() == [False, True, False, False]


def test_a_scan_by_hand():
    result = Scan(
        np.arange(1.0, 7.0),
        np.array([9, 7, NEVER, 8, 2, NEVER]),
        np.array([True] * 2 + [False] + [True] * 3),
    )
    assert (result.best(), result.best(3), result.stable().best()) == (4, 3, 1)
    assert (result.window(4), result.window(0)) == ((4.0, 5.0), (1.0, 2.0))
    assert Scan(result.rates, np.full(6, NEVER), result.never_rises).best() is None


def test_the_finer_grid_contains_the_grid():
    for label, p, depth in ((3, 4, 3), (30, 6, 2), (100, 2, 1)):
        coarse, fine = (learning_rates(label, p, depth, 10, refinement) for refinement in (1, 20))
        np.testing.assert_allclose(fine[::20], coarse)
        np.testing.assert_allclose(
            np.log10(coarse) * 10, np.round(np.log10(coarse) * 10), atol=1e-9
        )


def test_speed_ups_say_what_is_not_known():
    columns = ["p", "ratio", "depth", "steps", "finest_steps", "stable_steps"]
    rows = [
        (4, 2, 1, 90, 80, 90),
        (4, 2, 2, 30, 8, None),
        (4, 9, 1, None, None, None),
        (4, 9, 2, 50, 40, None),
    ]
    results = with_speed_ups(pd.DataFrame(rows, columns=columns), limit=100)
    assert results["speed_up"].tolist()[1::2] == [3, 2]
    assert results["bound"].tolist() == ["exact", "exact", "unknown", "at least"]
    assert results["finest_bound"].tolist() == results["bound"].tolist()
    # Depth 1 reached the target without a rise of the loss, depth 2 did not.
    assert results["stable_bound"].tolist() == ["exact", Bound.AT_MOST, "unknown", "unknown"]
    assert results["stable_speed_up"][1] < 1 and np.isnan(results["stable_speed_up"][3])
    fewer, stable, growth = claims_of(results)[1:]
    assert fewer.held and "9: >x2" in fewer.numbers and not stable.held and not growth.held


def test_the_run_folder_explains_itself(finished):
    config = json.loads((finished / "config.json").read_text())
    assert config["closeup"] == {"p": 4, "ratio": 10} and {"command", "commit", "versions"} <= set(
        config
    )
    results = pd.read_csv(finished / "results.csv").set_index(["p", "ratio", "depth"])
    assert len(results) == 2 * 3 * 2
    assert results.loc[(4, 10, 1), ["steps", "stable_steps"]].tolist() == [2503, 2503]
    row = results.loc[(4, 10, 2)]
    assert (
        row["steps"] == 66
        and row["rate"] == pytest.approx(0.1)
        and row["window_low"] < 0.1 < row["window_high"]
    )
    assert row["finest_steps"] <= 66 < row["stable_steps"] < 1300 and row["stable_limit"] < 0.005
    with np.load(finished / "curves.npz", allow_pickle=False) as curves:
        at, kernels = (curves[f"p=4, ratio=10, depth=2/steps/{name}"] for name in ("at", "kernels"))
    assert (
        at[-1] == 66
        and np.abs(kernels[-1] - [10, 1]).max() < 0.1 <= np.abs(kernels[-2] - [10, 1]).max()
    )
    assert sorted(file.stem for file in (finished / "figures").glob("*.png")) == FIGURES
    assert scalars(events(finished / "tb" / "p=4, depth=2" / "ratio=10"), "steps")[0] == 66


def test_redraw_needs_only_the_folder(finished, capsys):
    for figure in (finished / "figures").iterdir():
        figure.unlink()
    EXPERIMENT.main(["--logdir", str(finished.parents[1]), "--redraw", "run"])
    output = capsys.readouterr().out
    assert sorted(file.stem for file in (finished / "figures").iterdir()) == FIGURES
    assert "2,503" in output and "10: x37.9" in output
    assert {"results", "claims", *(f"figures/{name}" for name in FIGURES)} <= set(
        events(finished / "tb" / "charts")
    )


def test_nothing_reached_is_said(tmp_path, capsys):
    options = "--ratios 50 --powers 4 --depths 1 2 --steps 5 --rates-per-decade 2".split()
    EXPERIMENT.main(["--logdir", str(tmp_path), *options])
    output = capsys.readouterr().out
    assert output.count(">5") == 4 and "cannot tell" in output


def test_damaged_results_are_one_line(tmp_path, capsys):
    (tmp_path / "plateau" / "run").mkdir(parents=True)
    (tmp_path / "plateau" / "run" / "config.json").write_text("{}")
    with pytest.raises(SystemExit):
        EXPERIMENT.main(["--logdir", str(tmp_path), "--redraw", "run"])
    error = capsys.readouterr().err
    assert "results.csv" in error and error.count("\n") == 1


BAD = {
    "odd p": ["--powers", "3"],
    "no p": ["--powers", "0"],
    "ratio below 1": ["--ratios", "0"],
    "huge ratio": ["--ratios", "100000"],
    "ratio twice": ["--ratios", "10", "10"],
    "fractional ratio": ["--ratios", "1.5"],
    "depth zero": ["--depths", "0", "1"],
    "no depth one": ["--depths", "2", "3"],
    "no steps": ["--steps", "0"],
    "no rates": ["--rates-per-decade", "0"],
    "start at zero": ["--start", "0"],
    "NaN start": ["--start", "nan"],
    "fitted at the start": ["--target", "1"],
    "no target": ["--target", "0"],
    "unknown run to redraw": ["--redraw", "nothing"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, tmp_path, capsys):
    assert_refused("plateau", EXPERIMENT.main, BAD[case], tmp_path / "logs", capsys)
