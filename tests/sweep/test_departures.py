"""Runs whose records have ended leave the stack: the others, and every record, stay as they are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from overparam_tf import InputError, LpLoss, Sweep, Variant
from overparam_tf.sweep import departures, recorder
from overparam_tf.sweep.departures import Departures
from overparam_tf.sweep.engine import Engine
from overparam_tf.sweep.recorder import NEVER, Recorder
from overparam_tf.sweep.sharing import run_cost
from tests.cases import small_problem
from tests.sweep.test_resume import Killed, assert_same_bits

STEPS = 400
# The variant in the middle ends whole; of the others the middle run does.
VARIANTS = [
    Variant("Adam", 2, 3, "adam", (1e-3, 300.0, 3e-3), use_bias=True, use_factor_biases=True),
    Variant("GD", 2, learning_rates=(10.0, 20.0)),
    Variant("rule", 2.5, learning_rates=(1e-3, 50.0, 2e-3), update="end_to_end"),
]
TARGETS = {"half": 0.7, "low": 0.3}


@pytest.fixture
def cheap(monkeypatch):
    """Let compiling cost nothing; return how many losses and test losses a step has had."""
    monkeypatch.setattr(departures, "COMPILE_COST", 0)
    advance, sizes = Engine.advance, []

    def noted(self, *arguments):
        losses = advance(self, *arguments)
        if losses.shape[1] not in sizes:
            sizes.append(losses.shape[1])
        return losses

    monkeypatch.setattr(Engine, "advance", noted)
    return sizes


def sweep(variants=VARIANTS):
    problem = dataclasses.replace(small_problem(), held_out=small_problem(seed=1))
    return Sweep(problem, variants, LpLoss(4), "float64")


@pytest.fixture(scope="module")
def whole():
    """Every run trained to the end: compiling again would not pay."""
    return sweep().run(STEPS, targets=TARGETS)


def test_diverged_runs_leave_and_nothing_that_is_recorded_changes(cheap, whole):
    history = sweep().run(STEPS, targets=TARGETS)
    # Adam at rate 300 is finite at the end: it might have come back.
    assert cheap == [16, 10] and (whole.runs["status"] == "diverged").sum() == 4
    pd.testing.assert_frame_equal(history.runs, whole.runs, rtol=1e-9)
    np.testing.assert_allclose(history.losses, whole.losses, rtol=1e-9)
    np.testing.assert_allclose(history.test_losses, whole.test_losses, rtol=1e-9)
    for ours, theirs in zip(history.weights, whole.weights, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)
    assert history.layers == whole.layers


def test_a_sweep_killed_before_and_after_they_left_ends_in_the_same_bits(cheap, tmp_path):
    pace = {"checkpoints": tmp_path, "seconds_between_checkpoints": 0, "checkpoint_share": 1.0}
    settings = {"steps": STEPS, "targets": TARGETS, "stop_at_targets": True}
    small = sweep([Variant("GD", 2, learning_rates=(1e-5, 3e-4, 10.0))])
    for stop in (40, 70):  # 64 and 128 are boundaries

        def kill(progress, stop=stop):
            if progress.step >= stop:
                raise Killed

        with pytest.raises(Killed):
            small.run(progress=kill, steps_per_call=16, **settings, **pace)
    continued = small.run(**settings, **pace)
    assert_same_bits(continued, small.run(**settings))
    assert continued.runs["status"].tolist() == ["finished", "stopped", "diverged"]
    assert cheap == [6, 4, 2]


def test_a_sweep_without_a_living_run_ends(cheap):
    seen = []
    history = sweep(VARIANTS[1:2]).run(10**9, points=10, progress=seen.append)
    assert history.runs["status"].tolist() == ["diverged"] * 2
    assert seen[-1].step == 10**9 and np.isnan(history.losses[2:]).all()
    assert np.isfinite(history.losses[0]).all()


def test_runs_that_reached_every_target_end_there(whole):
    history = sweep().run(STEPS, targets=TARGETS, stop_at_targets=True)
    reached = whole.runs["steps_to_low"].notna().to_numpy()
    ended = reached & (whole.runs["status"] == "finished").to_numpy()
    assert 0 < ended.sum() < 8
    ends = whole.runs["steps_to_low"].where(ended, whole.runs["steps"]).astype("int64")
    assert (
        history.runs["status"].tolist() == np.where(ended, "stopped", whole.runs["status"]).tolist()
    )
    assert history.runs["steps"].tolist() == ends.tolist()
    for name in ("steps_to_half", "steps_to_low", "diverged_at"):
        pd.testing.assert_series_equal(history.runs[name], whole.runs[name])
    is_kept = history.steps[:, None] <= np.where(ended, ends, STEPS)
    for ours, theirs in ((history.losses, whole.losses), (history.test_losses, whole.test_losses)):
        np.testing.assert_allclose(ours, np.where(is_kept, theirs, np.nan), rtol=1e-9)
    finals = [
        whole.losses[np.searchsorted(whole.steps, ends[run]), run] for run in np.flatnonzero(ended)
    ]
    np.testing.assert_allclose(history.runs["final_loss"][ended], finals, rtol=1e-9)


@pytest.mark.parametrize("targets", [None, {}])
def test_without_a_target_nothing_could_stop(targets):
    with pytest.raises(InputError, match="Expected targets for stop_at_targets=True"):
        sweep().run(1, targets=targets, stop_at_targets=True)


@pytest.mark.parametrize("pieces", [(12,), (1, 11), (5, 7), (1,) * 12])
def test_the_record_of_a_stopped_run_does_not_depend_on_the_calls(pieces):
    # Reached and diverged later; diverged before the second target; both targets in one step.
    curves = [[9, 4, 6, 1, 7, np.nan] + [1] * 6, [9, 4, np.inf] + [1] * 9, [9] * 11 + [0]]
    losses, first = np.array(curves, "float64").T, 0
    record = Recorder(3, 11, {"high": 5, "low": 2}, points=100, stop_at_targets=True)
    for size in pieces:
        record.add(first, losses[first : first + size])
        first += size
    assert record.stopped_at.tolist() == [3, NEVER, 11]
    assert record.diverged_at.tolist() == [NEVER, 2, NEVER]
    assert record.ended_at.tolist() == [3, 2, 11]
    assert record.last_loss[[0, 2]].tolist() == [1, 0] and np.isnan(record.last_loss[1])
    assert record.best_loss.tolist() == [1, 4, 0]
    assert np.isfinite(record.losses).sum(axis=0).tolist() == [4, 2, 12]


def test_a_run_far_above_the_bound_for_long_is_lost(monkeypatch):
    monkeypatch.setattr(recorder, "LOST_STEPS", 4)
    # Far above for long, then back; for long but not far; far but not for long.
    curves = [[1, 20] + [1e9] * 6 + [1] * 4, [1] + [1e6] * 11, [1] + [1e9] * 3 + [1] * 8]
    losses = np.array(curves, "float64").T
    record = Recorder(3, 11, {}, points=100, zero_loss=1.0)
    for first in range(0, 12, 2):
        record.add(first, losses[first : first + 2])
        record.mark_lost(first + 2)
    assert record.diverged_at.tolist() == [1, NEVER, NEVER]
    assert np.isnan(record.losses[1:, 0]).all() and np.isnan(record.last_loss[0])
    record.mark_blow_ups()
    assert record.diverged_at.tolist() == [1, 1, NEVER] and record.last_loss[2] == 1


def test_a_smaller_stack_is_compiled_only_if_that_pays():
    problem = small_problem()
    variants = [Variant("a", learning_rates=(1e-3, 1e-2)), Variant("b")]
    cost, everyone = run_cost(variants[0], problem), np.ones(3, bool)
    compilation = 2 * departures.COMPILE_COST
    enough = int(departures.GAIN * compilation / cost) + 1
    waited = int(departures.WAIT * compilation / cost) + 1

    def leaves(step, steps, ended_at=(0, NEVER, NEVER)):
        decision = Departures(variants, problem, steps)
        return decision.staying(step, everyone, np.array(ended_at)).tolist() != [True] * 3

    assert leaves(waited, waited + enough)
    assert not leaves(waited, waited + enough - 2) and not leaves(waited - 2, waited + enough)
    assert not leaves(waited, 10**15, (NEVER,) * 3)
    assert leaves(64, 65, (0, 1, 2))  # nothing is left to compile
