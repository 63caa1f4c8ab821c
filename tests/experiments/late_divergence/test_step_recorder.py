"""The recorder of steps, on a run made by hand that diverges."""

from __future__ import annotations

import numpy as np

from experiments.late_divergence.step_recorder import StepRecorder


def test_a_diverging_run_keeps_snapshots_and_pairs_of_its_last_steps():
    recorder = StepRecorder(steps=200, snapshots=4)
    entries = np.arange(200.0)[:, None] ** 2
    losses = np.where(np.arange(200) < 130, 1.0, np.nan)
    assert recorder.add(losses[:100], entries[:100]) == 100 and recorder.diverged_at is None
    assert recorder.add(losses[100:], entries[100:]) == 30 and recorder.diverged_at == 130
    snapshots = recorder.snapshots()
    assert snapshots.numbers.tolist() == [0, 1, 50, 64, 65, 100, 128, 129]
    assert snapshots.entries[:, 0].tolist() == [number**2 for number in snapshots.numbers]
    # (t + 1)^2 - t^2 = 2 t + 1.
    sums = [sum((2 * t + 1) ** 2 for t in range(number)) for number in snapshots.numbers]
    assert snapshots.squared_steps.tolist() == sums
    assert recorder.last_steps().numbers.tolist() == list(range(130))


def test_a_finished_run_keeps_snapshots_alone():
    recorder = StepRecorder(steps=20, snapshots=4)
    recorder.add(np.ones(21), np.zeros((21, 1)))
    assert recorder.snapshots().numbers.tolist() == [0, 5, 10, 15, 20]
    steps, losses = recorder.curve()
    assert steps[0] == 0 and steps[-1] == 20 and (losses == 1).all()


def test_a_run_that_ends_far_above_zero_has_diverged_where_it_left():
    losses = np.array([1.0, 20.0, 1.0, 11.0, 12.0])
    for bound, expected in ((1.0, 3), (2.0, None)):
        recorder = StepRecorder(steps=4, snapshots=2, zero_loss=bound)
        recorder.add(losses[:2], np.zeros((2, 1)))
        recorder.add(losses[2:], np.zeros((3, 1)))
        assert recorder.diverged_at is None
        recorder.mark_blow_up()
        assert recorder.diverged_at == expected
