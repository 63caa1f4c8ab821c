from __future__ import annotations

import numpy as np
import pytest

from overparam_tf.sweep.recorder import NEVER, Recorder, record_steps


@pytest.mark.parametrize("steps", [1, 2, 7, 999, 1000, 600_000])
def test_recorded_steps_run_from_first_to_last(steps):
    recorded = record_steps(steps)
    assert recorded[0] == 0 and recorded[-1] == steps
    assert (np.diff(recorded) > 0).all()
    assert len(recorded) <= 1000
    assert len(recorded) == steps + 1 or steps > 400


@pytest.mark.parametrize("pieces", [(10,), (1, 9), (3, 3, 4)])
def test_pieces_of_any_size_are_recorded_alike(pieces):
    losses = np.array(
        [[5, 4, 3, 2, 1, 2, 3, 4, 5, 6], [9, 8, 7, np.inf, 1, 1, np.nan, 1, 1, 1]], "float64"
    ).T
    recorder = Recorder(2, 9, {"low": 2.0}, points=100)
    first = 0
    for size in pieces:
        recorder.add(first, losses[first : first + size])
        first += size
    assert recorder.losses[:, 0].tolist() == losses[:, 0].tolist()
    assert np.isnan(recorder.losses[3:, 1]).all()
    assert recorder.best_loss.tolist() == [1, 7]
    assert recorder.diverged_at.tolist() == [NEVER, 3]
    assert recorder.reached_at["low"].tolist() == [3, NEVER]
    assert recorder.last_loss[0] == 6 and np.isnan(recorder.last_loss[1])
