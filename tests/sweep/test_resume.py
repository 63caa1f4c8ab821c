"""Sweeps that were stopped, killed or damaged end in the bits of one that was not, or in a line."""

from __future__ import annotations

import dataclasses
import signal

import keras
import numpy as np
import pandas as pd
import pytest

from overparam_tf import InputError, LpLoss, Sweep, Variant
from overparam_tf.stopping import StopSignals
from overparam_tf.sweep import saving
from overparam_tf.sweep.devices import UNROLLED, make_engine
from tests.cases import OPTIMIZERS, small_problem

STEPS = 400
# These sweeps are so short that a fiftieth of their time would be no checkpoint at all.
SETTINGS = {"steps": STEPS, "targets": {"half": 0.7}, "checkpoint_share": 1.0}
# Every optimizer and the rule of Theorem 1, with and without biases; for some the last rate
# diverges.
ALL = [
    *(
        Variant(
            name,
            2,
            3,
            make(rate),
            (rate, 30 * rate),
            use_bias=index % 2 == 0,
            use_factor_biases=index % 4 == 0,
        )
        for index, (name, (make, rate)) in enumerate(OPTIMIZERS.items())
    ),
    Variant(
        "rule", 2.5, learning_rates=(1e-3, 1.0), update="end_to_end", use_bias=True, seeds=(0, 1)
    ),
]
ADAM, GD = Variant("Adam", 2, optimizer="adam", use_bias=True), Variant("GD")


class Killed(Exception):
    """Stands for the end of a process: nothing after it is run."""


def sweep(*variants, dtype="float32", **changes):
    return dataclasses.replace(Sweep(small_problem(), variants, LpLoss(4), dtype), **changes)


def killed(sweep, folder, step):
    """Run until the first call that ends at or after `step`.

    A checkpoint is saved before the progress of that call is reported.
    """

    def kill(progress):
        if progress.step >= step:
            raise Killed

    with pytest.raises(Killed):
        sweep.run(**SETTINGS, checkpoints=folder, progress=kill, seconds_between_checkpoints=0)


def assert_same_bits(history, expected):
    pd.testing.assert_frame_equal(history.runs, expected.runs, check_exact=True)
    assert history.losses.tobytes() == expected.losses.tobytes()
    for ours, theirs in zip(history.weights, expected.weights, strict=True):
        assert [a.tobytes() for a in ours] == [b.tobytes() for b in theirs]


@pytest.fixture(scope="module")
def expected():
    return sweep(ADAM).run(**SETTINGS)


def test_every_optimizer_killed_twice_ends_in_the_same_bits(tmp_path):
    whole = sweep(*ALL)
    for step in (1, 70):
        killed(whole, tmp_path, step)
    history = whole.run(**SETTINGS, checkpoints=tmp_path)
    assert_same_bits(history, whole.run(**SETTINGS))
    assert "diverged" in set(history.runs["status"]) and history.runs["steps_to_half"].notna().any()


def test_in_float64_too(tmp_path):
    double = sweep(ADAM, dtype="float64")
    killed(double, tmp_path, 70)
    assert_same_bits(double.run(**SETTINGS, checkpoints=tmp_path), double.run(**SETTINGS))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_saves_whatever_the_time(number, expected, tmp_path):
    with StopSignals() as program:
        stop = {"progress": lambda progress: signal.raise_signal(number)}
        part = sweep(ADAM).run(**SETTINGS, checkpoints=tmp_path, **stop)
    assert program.signal == number and part.runs[["status", "steps"]].values.tolist() == [
        ["interrupted", UNROLLED]
    ]
    assert_same_bits(sweep(ADAM).run(**SETTINGS, checkpoints=tmp_path), expected)


def test_a_finished_sweep_is_not_trained_again(expected, tmp_path):
    sweep(ADAM).run(**SETTINGS, checkpoints=tmp_path)
    seen = []
    assert_same_bits(
        sweep(ADAM).run(**SETTINGS, checkpoints=tmp_path, progress=seen.append), expected
    )
    assert not seen


def test_a_damaged_newest_checkpoint_is_reported_and_the_one_before_it_used(
    expected, tmp_path, capsys
):
    killed(sweep(ADAM), tmp_path, 70)
    older, newest = sorted(tmp_path.iterdir())
    newest.write_bytes(newest.read_bytes()[:-100])
    seen = []
    assert_same_bits(
        sweep(ADAM).run(**SETTINGS, checkpoints=tmp_path, progress=seen.append), expected
    )
    assert str(newest) in capsys.readouterr().err
    assert (seen[0].step, seen[0].steps_here) == (int(older.stem[5:]) + UNROLLED, UNROLLED)


OTHERS = {  # changes of the sweep, of its run -> the difference that the line names
    "steps": ({}, {"steps": 401}, "steps: 401 now, 400 in"),
    "targets": ({}, {"targets": {"half": 0.8}}, "targets.half: 0.8 now, 0.7 in"),
    "points": ({}, {"points": 10}, "points"),
    "data": ({"problem": small_problem(seed=1)}, {}, "data.sha256"),
    "loss": ({"loss": LpLoss(2)}, {}, "loss.p: 2 now, 4 in"),
    "precision": ({"dtype": "float64"}, {}, 'dtype: "float64" now, "float32" in'),
    "a variant more": ({"variants": [GD, Variant("new")]}, {}, "variants.new"),
    "rate": (
        {"variants": [Variant("GD", learning_rates=(2e-3,))]},
        {},
        r"learning_rates\[0\]: 0.002 now, 0.001 in",
    ),
    "depth": ({"variants": [Variant("GD", 2)]}, {}, "variants.GD.depth: 2 now, 1 in"),
    "optimizer": (
        {"variants": [Variant("GD", optimizer="adam")]},
        {},
        'class: "Adam" now, "SGD" in',
    ),
    "momentum": (
        {"variants": [Variant("GD", optimizer=keras.optimizers.SGD(1e-3, momentum=0.9))]},
        {},
        "momentum: 0.9 now",
    ),
    "start": (
        {"variants": [Variant("GD", initial_factors=[np.ones((6, 1))])]},
        {},
        "initial_factors",
    ),
}


@pytest.fixture(scope="module")
def of_gd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    killed(sweep(GD), folder, 1)
    return folder


@pytest.mark.parametrize("case", OTHERS)
def test_a_checkpoint_of_another_sweep_is_refused_by_the_first_difference(case, of_gd):
    changes, options, expected = OTHERS[case]
    with pytest.raises(InputError, match=expected) as caught:
        sweep(GD, **changes).run(**{**SETTINGS, **options}, checkpoints=of_gd)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_other_numbers_to_start_from_are_another_sweep(tmp_path):
    starts = [Variant("GD", initial_factors=[np.full((6, 1), value)]) for value in (0.1, 0.2)]
    sweep(starts[0]).run(1, checkpoints=tmp_path)
    with pytest.raises(InputError, match="start: "):
        sweep(starts[1]).run(1, checkpoints=tmp_path)


def test_checkpoints_of_another_version_are_refused(of_gd, monkeypatch):
    monkeypatch.setattr(keras, "__version__", "2.2.4")
    with pytest.raises(InputError, match=r'versions.keras: "2.2.4" now'):
        sweep(GD).run(**SETTINGS, checkpoints=of_gd)


def test_a_slow_disk_gets_fewer_checkpoints(tmp_path, monkeypatch):
    clock = iter(
        np.arange(0, 1e6, 10.0)
    )  # every look at it takes ten seconds, and so does every checkpoint
    monkeypatch.setattr(saving.time, "monotonic", lambda: float(next(clock)))
    saved = []
    monkeypatch.setattr(saving.Checkpoints, "save", lambda self, step, state: saved.append(step))
    small = sweep(GD)
    recorder = saving.Recorder(1, 10, {}, 10)
    engine = make_engine(small.problem, small.variants, small.loss, "float32")
    often = saving.Saving(tmp_path, seconds_between_checkpoints=30, checkpoint_share=0.02)
    keeper = saving.SavedSweep(often, {}, engine, recorder)
    for step in range(200):
        keeper.save_if_due(step)
    assert saved[0] <= 3 and np.diff(saved).min() * 10 >= 10 / 0.02 - 20
