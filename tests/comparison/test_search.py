"""The search for the best rate, on made-up losses; smoothed curves and rows of runs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from overparam_tf.comparison.runs import Curve, Run, row_of, smoothed
from overparam_tf.comparison.search import next_runs
from overparam_tf.comparison.settings import Settings

COARSE, SEEDS = [0.01, 0.0316, 0.1], (0, 1, 2)


def searched(steps_of, seeds=SEEDS, coarse=COARSE):
    """Search to the end, on a function of the rate that returns steps to the target or None."""
    found = {}
    while runs := next_runs(found, coarse, seeds):
        for rate, seed in runs:
            steps = steps_of(rate)
            status = "diverged" if steps is None else "finished"
            loss = None if steps is None else float(steps)
            found[rate, seed] = {"steps_to": [steps], "final_loss": loss, "status": status}
    return found


def full_rates(found):
    """Return the rates that all seeds trained, increasing."""
    rates = sorted({rate for rate, _ in found})
    return [rate for rate in rates if all((rate, seed) in found for seed in SEEDS)]


@pytest.mark.parametrize("best", [0.001, 0.01, 0.05, 0.1, 0.9])
def test_rates_around_the_best_are_trained_with_all_seeds(best):
    found = searched(lambda rate: 100 + 1000 * abs(math.log(rate / best)))
    rates = full_rates(found)
    assert rates[0] < best < rates[-1]
    assert min(abs(math.log(rate / best)) for rate in rates) < 0.4
    assert len(found) < 40


def test_rates_beyond_the_edge_of_stability_are_not_best():
    found = searched(lambda rate: None if rate > 0.05 else 1000 * (1 - rate))
    rates = full_rates(found)
    assert any(0.0316 <= rate <= 0.05 for rate in rates) and rates[-1] > 0.05


def test_a_model_that_diverges_at_every_rate_ends_the_search():
    found = searched(lambda rate: None)
    assert min(rate for rate, _ in found) < COARSE[0] and len(found) < 20


def settings(**changes):
    arguments = {
        "depths": (1, 2),
        "optimizers": "sgd",
        "learning_rates": [0.1],
        "seeds": (0,),
        "steps": 8,
        "batch_size": 4,
        "targets": [1.0, 0.5],
        "window": 2,
        "start": "same",
    }
    return Settings.check(**{**arguments, **changes})


def row(losses, **changes):
    curve = Curve().extended(losses, np.zeros(len(losses)), 1.0)
    return row_of(Run("sgd", 1, 0.1, 0), curve, settings(**changes))


def test_losses_after_a_spike_are_means_of_their_own_window():
    losses = np.array([4.0, 1e20, 3.0, 2.0, 1.0])
    assert smoothed(losses, 2).tolist() == [4.0, 5e19, 5e19, 2.5, 1.5]
    assert row([4, 1e20, 3, 3, 3, 3, 3, 3])["steps_to"] == [None, None]
    assert smoothed(np.empty(0), 2).tolist() == []
    assert smoothed(losses[:1], 3).tolist() == [4.0]


def test_a_target_is_reached_by_the_smoothed_loss():
    found = row([4, 2, 0.5, 1.5, 0.5, 0.25, 0.5, 0.25])
    assert found["status"] == "finished" and found["steps_to"] == [4, 6]
    assert found["final_loss"] == pytest.approx(0.375) and found["first_loss"] == 4


@pytest.mark.parametrize("losses", [[1, 2, math.nan], [1] * 7 + [90]])
def test_a_run_that_leaves_the_finite_numbers_or_ends_high_has_diverged(losses):
    found = row(losses)
    assert found["status"] == "diverged" and found["final_loss"] is None
