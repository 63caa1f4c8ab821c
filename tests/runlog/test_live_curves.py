"""Curves that grow: readable at any time, each step once, and continued by another process."""

from __future__ import annotations

import resource

import numpy as np
import pytest

from overparam_tf.runlog import LiveCurves, TensorBoardLog
from overparam_tf.runlog.live_curves import read_curves
from tests.event_files import events, scalars


@pytest.fixture
def log(tmp_path):
    return TensorBoardLog(tmp_path)


def test_points_can_be_read_before_the_end(log, tmp_path):
    with LiveCurves(log, ["GD", "Adam"]) as curves:
        curves.add("GD", "loss", [0, 1], [4.0, 3.0])
        curves.flush()
        assert scalars(events(tmp_path / "GD"), "loss") == {0: 4.0, 1: 3.0}
        curves.add("GD", "loss", [1, 2], [3.0, np.nan])
        curves.add("GD", "loss", [3], [1.0])
        curves.flush(now=True)
        assert scalars(events(tmp_path / "GD"), "loss") == {0: 4.0, 1: 3.0, 3: 1.0}
        assert len(events(tmp_path / "GD")["loss"]) == 3
        assert (tmp_path / "Adam").is_dir()


def test_files_that_were_cut_off_are_read_up_to_there(log, tmp_path):
    with LiveCurves(log, ["GD"]) as curves:
        curves.add("GD", "loss", range(5), [5.0, 4.0, 3.0, 2.0, 1.0])
    (path,) = (tmp_path / "GD").iterdir()
    path.write_bytes(path.read_bytes()[:-7])
    steps, losses = read_curves(tmp_path)["GD"]["loss"]
    assert steps.tolist() == [0, 1, 2, 3] and losses.tolist() == [5.0, 4.0, 3.0, 2.0]


def test_a_full_disk_ends_the_curves_and_not_the_training(log, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with LiveCurves(log, ["GD"]) as curves:
        curves.add("GD", "loss", [0], [1.0])
        curves.flush(now=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            for step in range(1, 2000):
                curves.add("GD", "loss", [step], [1.0])
                curves.flush(now=True)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    steps, _ = read_curves(tmp_path)["GD"]["loss"]
    assert 0 < len(steps) < 100


def test_curves_of_two_files_are_one(log, tmp_path):
    for steps in ([0, 1], [1, 2]):
        with LiveCurves(log, ["GD"]) as curves:
            curves.add("GD", "loss", steps, [7.0, 7.0])
    steps, _ = read_curves(tmp_path)["GD"]["loss"]
    assert steps.tolist() == [0, 1, 2]
