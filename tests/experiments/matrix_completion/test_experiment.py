"""Matrix completion by depth: the run folder, its verdicts, and a run that went on."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from experiments.harness.rank_curvature import curvature_of
from experiments.harness.rank_runs import record_points
from experiments.matrix_completion.claims import BASELINE, claims_of, completion_table
from experiments.matrix_completion.config import Config
from experiments.matrix_completion.descent import optimizer_at
from experiments.matrix_completion.experiment import EXPERIMENT
from overparam_tf.datasets import matrix_completion
from tests.event_files import events

OPTIONS = {"size": 100, "rank": 5, "observations": [2000, 5000], "depths": [1, 2, 3]}
OPTIONS |= {"scales": [1e-3, 1e-6], "target": 1e-6}


def made_up(error_of, baseline=False):
    """Return a row for each run, with an error that a function of depth and scale says."""
    rows = []
    for count in OPTIONS["observations"]:
        for draw in range(3):
            for depth in [*OPTIONS["depths"], *([BASELINE] if baseline else [])]:
                for scale in OPTIONS["scales"] if depth else [0.0]:
                    error = error_of(depth, scale) * (1 + draw / 10)
                    row = {"observations": count, "depth": depth, "scale": scale, "draw": draw}
                    row |= {"status": "fitted", "steps": 10, "loss": 1e-6, "error": error}
                    rows.append({**row, "best_error_of_all": 0.8 * error, "rank": 5.1})
    return pd.DataFrame(rows)


def verdicts(results):
    return {claim.text: claim.held for claim in claims_of(results, OPTIONS)}


def test_verdicts_follow_the_errors():
    as_published = made_up(lambda depth, scale: {1: 1.0, 2: 0.05, 3: 1e-5}[depth] * scale**0.01)
    held = verdicts(as_published)
    assert len(held) == 3 + 2 + 2 + 1 + 1
    false = [text for text, verdict in held.items() if not verdict]
    assert false == ["with 5,000 entries depth 2 finds the matrix: error below 0.01"]
    reversed_ = verdicts(made_up(lambda depth, scale: depth))
    assert reversed_["depth 3 completes better than depth 2, on every draw"] is False


def test_what_was_not_fitted_is_not_compared():
    results = made_up(lambda depth, scale: 1 / depth)
    results.loc[results["depth"] == 3, "status"] = "slow"
    held = verdicts(results)
    assert held["depth 3 completes better than depth 2, on every draw"] is None
    assert "0/3" in completion_table(results)["fitted"].tolist()


def test_the_nuclear_norm_is_a_rival_where_it_was_computed():
    results = made_up(lambda depth, scale: 0.5 if depth == BASELINE else 0.1**depth, baseline=True)
    held = verdicts(results)
    assert held["2,000 entries: depth 3 completes better than the nuclear norm"] is True
    assert "nuclear norm" in completion_table(results)["depth"].tolist()


def test_where_both_find_the_matrix_the_nuclear_norm_is_no_worse():
    results = made_up(lambda depth, scale: 1e-9 if depth == BASELINE else 1e-10, baseline=True)
    assert (
        verdicts(results)["2,000 entries: depth 3 completes better than the nuclear norm"] is None
    )


def test_without_its_solver_the_nuclear_norm_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Exception, match="the package cvxpy for --nuclear-norm"):
        Config(nuclear_norm=True)


def test_the_rate_is_a_share_of_the_curvature():
    problem = matrix_completion(8, 1, 40)
    # At depth 1 the loss is the mean of 40 squares: second derivative 2 / 40 in each entry.
    assert curvature_of(problem, 1) == pytest.approx(2 / 40)
    assert float(optimizer_at(1, 0.05).learning_rate) == pytest.approx(10)
    assert optimizer_at(4, 0.05).momentum == 0.9


def test_points_become_rarer():
    points = record_points(1000)
    assert points[:4] == [0, 1, 2, 3] and points[-1] == 1000 and len(points) < 80


def test_the_run_folder_has_the_spectra_over_time(finished_run):
    path = finished_run("matrix_completion").path
    results = pd.read_csv(path / "results.csv")
    assert len(results) == 3 * 2
    with np.load(path / "curves.npz", allow_pickle=False) as curves:
        values = curves["40/2/0.01/0/singular_values"]
        steps = curves["40/2/0.01/0/steps"]
    assert values.shape == (len(steps), 8)
    np.testing.assert_allclose(values[0], 0.01, rtol=1e-5)
    shown = events(path / "depth 2, 40 entries")
    assert len(shown["singular values/start 0.01"]) == len(steps)
    assert len(shown["error on unseen entries/start 0.01"]) == len(steps)


def test_an_interrupted_run_goes_on(finished_run, tmp_path, monkeypatch):
    finished = finished_run("matrix_completion").path
    options = "--size 8 --rank 1 --observations 40 --depths 1 2 3 --scales 0.01 0.001 --draws 0"
    arguments = [*options.split(), "--steps", "300", "--target", "0.01", "--quiet"]
    place = ["--logdir", str(tmp_path), "--name", "run"]
    from experiments.matrix_completion import experiment

    complete = experiment.complete

    def stop_at_depth_2(options, piece):
        if piece.depth > 1:
            raise KeyboardInterrupt
        return complete(options, piece)

    monkeypatch.setattr(experiment, "complete", stop_at_depth_2)
    EXPERIMENT.main([*arguments, *place])
    monkeypatch.setattr(experiment, "complete", complete)
    EXPERIMENT.main([*arguments, *place])
    again = tmp_path / "matrix_completion" / "run" / "results.csv"
    pd.testing.assert_frame_equal(pd.read_csv(again), pd.read_csv(finished / "results.csv"))
