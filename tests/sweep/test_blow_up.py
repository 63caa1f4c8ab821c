"""A run that ends far above the zero kernel's loss has diverged; one that comes back has not.

On one row, x = y = 1, gradient descent at rate r multiplies the error by 1 - r in every step.
"""

from __future__ import annotations

import signal

import numpy as np
import pandas as pd
import pytest

from overparam_tf import History, Problem, Sweep, Variant
from overparam_tf.sweep.recorder import NEVER, Recorder

START = 0.01
# |1 - r| = 1.5: the loss is 0.5 (0.99)^2 2.25^t, above ten times that of w = 0 from step 3 on.
RATES = (0.5, 2.5, 5.0)


def sweep(start=START):
    one = np.ones((1, 1))
    problem = Problem("toy", one, one, "made here", "none", synthetic=True)
    return Sweep(problem, [Variant("GD", learning_rates=RATES, initial_factors=[start * one])])


@pytest.fixture(scope="module")
def whole():
    return sweep().run(12)


def test_both_kinds_of_divergence_and_a_run_that_stays(whole):
    runs = whole.runs
    assert runs["status"].tolist() == ["finished", "diverged", "diverged"]
    assert runs["diverged_at"].tolist() == [pd.NA, 3, 1]
    assert runs["steps"].tolist() == [12, 3, 1]
    assert np.isfinite(runs["final_loss"]).tolist() == [True, False, False]
    steps, losses = whole.curve("GD", 2.5)
    assert steps.tolist() == [0, 1, 2]
    np.testing.assert_allclose(losses, 0.5 * 0.99**2 * 2.25**steps, rtol=1e-5)
    assert whole.best("GD")["learning_rate"] == 0.5


def test_a_run_that_grows_but_ends_below_the_bound_is_finished():
    runs = sweep().run(2).runs.set_index("learning_rate")
    assert runs.loc[2.5, "status"] == "finished" and pd.isna(runs.loc[2.5, "diverged_at"])
    assert runs.loc[2.5, "final_loss"] == pytest.approx(0.5 * 0.99**2 * 2.25**2)


def test_a_run_that_starts_far_away_has_not_diverged_by_that():
    runs = sweep(start=1001.0).run(2).runs.set_index("learning_rate")
    assert runs.loc[0.5, "status"] == "finished"
    assert runs.loc[0.5, "final_loss"] > 10 * 0.5
    assert runs.loc[5.0, "status"] == "diverged"


def test_the_files_keep_it(whole, tmp_path):
    whole.save(tmp_path)
    loaded = History.load(tmp_path)
    assert loaded.runs["diverged_at"].tolist() == [pd.NA, 3, 1]
    np.testing.assert_array_equal(loaded.losses, whole.losses)


@pytest.mark.parametrize("stop", [4, 8])
def test_a_continued_sweep_ends_alike(stop, whole, tmp_path):
    """Stop it after the blow-up: an interrupted run has not ended anywhere yet."""

    def interrupt(progress):
        if progress.step == stop:
            signal.raise_signal(signal.SIGINT)

    pace = {"steps_per_call": 1, "checkpoints": tmp_path}
    begun = sweep().run(12, progress=interrupt, **pace)
    assert begun.runs["status"].tolist() == ["interrupted"] * 3
    continued = sweep().run(12, **pace)
    pd.testing.assert_frame_equal(continued.runs, whole.runs)
    np.testing.assert_array_equal(continued.losses, whole.losses)


@pytest.mark.parametrize("pieces", [(8,), (1, 7), (3, 2, 3), (1,) * 8])
def test_the_last_stretch_above_counts_in_pieces_of_any_size(pieces):
    # Above 10 is beyond the bound: back in time, gone for good, gone from the start, not finite.
    curves = [[1, 20, 30, 1, 1, 20, 9, 1], [1, 1, 20, 1, 11, 50, 20, 20]]
    curves += [[1] + [20] * 7, [1, 20, 20, 20, np.nan, 1, 1, 1]]
    losses = np.array(curves, "float64").T
    recorder, first = Recorder(4, 7, {}, points=100, zero_loss=1.0), 0
    for size in pieces:
        recorder.add(first, losses[first : first + size])
        first += size
    assert recorder.diverged_at.tolist() == [NEVER, NEVER, NEVER, 4]
    recorder.mark_blow_ups()
    assert recorder.diverged_at.tolist() == [NEVER, 4, 1, 4]
    assert recorder.losses[:, 0].tolist() == losses[:, 0].tolist()
    assert np.isnan(recorder.losses[4:, 1]).all() and recorder.losses[:4, 1].tolist() == [
        1,
        1,
        20,
        1,
    ]
    assert recorder.last_loss[0] == 1 and np.isnan(recorder.last_loss[1:]).all()
