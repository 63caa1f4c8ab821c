"""Who follows a sweep gets every recorded point once, as soon as it is there."""

from __future__ import annotations

import signal

import numpy as np
import pytest

from overparam_tf import LpLoss, Sweep, Variant
from overparam_tf.sweep import training_loop
from tests.cases import small_problem

STEPS = 40
PACE = {"steps_per_call": 4}


@pytest.fixture(scope="module")
def sweep():
    variants = [Variant("GD", learning_rates=(1e-3, 3e-3)), Variant("Adam", optimizer="adam")]
    return Sweep(small_problem(), variants, LpLoss(4))


class Follower:
    """Keeps what it is called with."""

    def __init__(self):
        self.calls = []

    def __call__(self, steps, losses):
        self.calls.append((np.array(steps), np.array(losses)))

    @property
    def steps(self):
        return np.concatenate([steps for steps, _ in self.calls]).tolist()

    @property
    def losses(self):
        return np.concatenate([losses for _, losses in self.calls])


def test_the_points_are_those_of_the_curves(sweep):
    follower = Follower()
    history = sweep.run(STEPS, follow=follower, **PACE)
    assert len(follower.calls) > 5 and follower.steps == list(range(STEPS))
    np.testing.assert_array_equal(follower.losses, history.losses[:-1])


def test_a_continued_sweep_begins_with_all_points_up_to_its_checkpoint(sweep, tmp_path):
    def interrupt(progress):
        if progress.step >= 12:
            signal.raise_signal(signal.SIGINT)

    before, after = Follower(), Follower()
    sweep.run(STEPS, follow=before, progress=interrupt, checkpoints=tmp_path, **PACE)
    history = sweep.run(STEPS, follow=after, checkpoints=tmp_path, **PACE)
    (first, _), *_ = after.calls
    assert before.steps == first.tolist() and after.steps == list(range(STEPS))
    np.testing.assert_array_equal(after.losses, history.losses[:-1])


def test_where_few_steps_are_recorded_the_latest_stands_in(sweep, monkeypatch):
    monkeypatch.setattr(training_loop, "SECONDS_WITHOUT_POINTS", 0.0)
    follower = Follower()
    sweep.run(STEPS, follow=follower, points=4, **PACE)
    assert follower.steps == sorted(set(follower.steps)) and len(follower.calls) > 5
    assert np.isfinite(follower.losses).all()
