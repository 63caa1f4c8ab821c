"""Theorem 2 as an experiment: the closed form, its limits, the run folder."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from experiments.no_regularizer.claims import claims_of
from experiments.no_regularizer.closed_curve import curls, integrals, losses
from experiments.no_regularizer.experiment import EXPERIMENT
from overparam_tf.datasets import Problem
from tests.event_files import events, scalars
from tests.experiments.loading import on_problem

FIGURES = ["field", "integral_against_depth", "integral_against_radii"]


@pytest.fixture(scope="module")
def finished(finished_run):
    return finished_run("no_regularizer").path


@pytest.fixture(scope="module")
def results(finished):
    return pd.read_csv(finished / "results.csv")


def small_problem():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 4)), rng.standard_normal((20, 1))
    return Problem("small", x, y, "random", "none", synthetic=True)


def test_linear_losses_give_the_closed_form(results):
    linear = results[results["loss"].str.startswith("linear")]
    assert len(linear) == 2 * (3 + 12)
    np.testing.assert_allclose(linear["integral"], linear["closed_form"], atol=1e-12)
    # The closed form by hand: 2 |g| (N-1)(N-2) / (N (3-2/N)) R^(3-2/N), N = 3, |g| = 1.7, R = 0.1.
    third = linear[(linear["over"] == "depth") & (linear["depth"] == 3)]
    np.testing.assert_allclose(third["limit"], 3.4 * 2 / 7 * 0.1 ** (7 / 3), rtol=1e-12)


def test_l4_losses_are_no_gradient_fields_at_depth_two(results, finished):
    two = results[(results["over"] == "depth") & (results["depth"] == 2)].set_index("loss")
    curl = pd.read_csv(finished / "curl.csv").query("depth == 2").set_index("loss")["relative_curl"]
    for loss in ("toy, L4", "data, L4"):
        assert abs(two.loc[loss, "integral"]) > 1e-5 and curl[loss] > 1e-3
    for loss in ("linear, 2-D", "linear, 3-D"):
        assert abs(two.loc[loss, "integral"]) < 1e-12 and curl[loss] < 1e-6


def test_l4_losses_tend_to_the_linear_one_as_the_curve_shrinks(results):
    outer = results[
        (results["over"] == "outer") & (results["loss"] == "data, L4") & (results["depth"] == 3)
    ]
    gaps = (outer["integral"] / outer["closed_form"] - 1).abs().to_numpy()
    assert gaps[0] < 1e-5 and (np.diff(gaps) > 0).all()


def test_gradients_are_those_of_the_losses():
    problem = small_problem()
    w = np.random.default_rng(1).standard_normal((1, 4))
    data = losses(problem, 1.7)[-1]

    def value(w):
        return np.mean((problem.x @ w.T - problem.y) ** 4) / 4

    moves = 1e-6 * np.eye(4)
    differences = [(value(w + move) - value(w - move)) / 2e-6 for move in moves]
    np.testing.assert_allclose(data.gradient(w)[0], differences, rtol=1e-7)
    for loss in losses(problem, 1.7)[:2]:
        assert np.linalg.norm(loss.gradient(w[:, : loss.dimension])) == pytest.approx(1.7)


def test_the_curl_of_a_hand_made_field():
    # N = 1: F is g itself; a rotation, curl 1 relative to |J u| = 1.
    class Rotation:
        name, dimension = "rotation", 2

        @staticmethod
        def gradient(w):
            return w[:, ::-1] * [-1, 1]

    (row,) = curls(Rotation(), [1], radius=1.0, count=5, seed=0)
    assert row["relative_curl"] == pytest.approx(2.0, rel=1e-6)


def test_claims_fail_where_the_numbers_do():
    rows, curl = [], []
    for loss in losses(small_problem(), 1.7):
        rows += integrals(loss, [2, 3], [3], 0.1, 1e-3, 24)
        curl += curls(loss, [2, 3], 0.1, 5, 0)
    rows, curl = pd.DataFrame(rows), pd.DataFrame(curl)
    assert all(claim.held for claim in claims_of(rows, curl))
    held = [claim.held for claim in claims_of(rows.assign(integral=0.0), curl)]
    assert held[:2] == [False, False]


def test_the_run_folder_explains_itself(finished):
    config = json.loads((finished / "config.json").read_text())
    assert config["data"]["synthetic"] and "synthetic" in finished.name
    assert sorted(path.stem for path in (finished / "figures").glob("*.png")) == FIGURES
    toy = events(finished / "toy, L4")
    integrals = scalars(toy, "by depth/line integral, by 100 N")
    assert integrals[300] == pytest.approx(0.02158, rel=1e-3) == scalars(toy, "integral")[0]


def test_all_claims_hold(finished_run):
    output = finished_run("no_regularizer").output
    assert output.count("held  ") == 7 and "SYNTHETIC" in output


@pytest.mark.parametrize("depth", ["1", "2", "2.5"])
def test_a_single_depth_judges_what_it_can(depth, tmp_path, capsys):
    options = f"--depths {depth} --inner-radius 0.001 --nodes 24".split()
    on_problem(EXPERIMENT, small_problem()).main(["--logdir", str(tmp_path), *options])
    output = capsys.readouterr().out
    assert "cannot tell" in output and "did not hold" not in output
