"""A method that was stopped ends in the bits of one that was not."""

from __future__ import annotations

import signal

import numpy as np
import pandas as pd
import pytest

from experiments.late_divergence import monitored_run
from experiments.late_divergence.monitored_run import Method, Plan, train_monitored
from experiments.late_divergence.saved_method import SavedMethod
from overparam_tf.runlog import ProgressReport, RunFolder
from overparam_tf.stopping import StopSignals
from tests.cases import small_problem

RECORD = {"options": {}, "versions": {}}


def test_a_capped_method_stopped_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(monitored_run, "CAP_CHECKS", 6)
    plan = Plan(small_problem(), 60, 6, "balanced", 0, "float64", quiet=True)
    method = Method("capped at 1 / 2", 2, 0.002, capped=True)

    def train(folder):
        return train_monitored(plan, method, None, SavedMethod(RunFolder(folder), RECORD, "a / b"))

    expected = train(tmp_path / "whole")
    assert expected.row["status"] == "finished"

    def stop(self, progress):
        if progress.step in (20, 50):
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(ProgressReport, "__call__", stop)
        for _ in range(2):
            with StopSignals(), pytest.raises(KeyboardInterrupt):
                train(tmp_path)
    ours = train(tmp_path)
    assert ours.row == expected.row
    pd.testing.assert_frame_equal(ours.trace, expected.trace, check_exact=True)
    for name, array in expected.arrays.items():
        np.testing.assert_array_equal(ours.arrays[name], array)
