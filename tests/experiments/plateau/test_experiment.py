"""The plateau of the two-example toy: the run folder and what it prints."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from experiments.plateau.experiment import EXPERIMENT
from tests.event_files import events, scalars

FIGURES = ["mechanism", "speed_up", "steps_against_rate", "trajectories"]


@pytest.fixture(scope="module")
def finished(finished_run):
    return finished_run("plateau").path


def test_the_run_folder_explains_itself(finished):
    config = json.loads((finished / "config.json").read_text())
    assert config["closeup"] == {"p": 4, "ratio": 10}
    results = pd.read_csv(finished / "results.csv").set_index(["p", "ratio", "depth"])
    assert len(results) == 2 * 3 * 2
    assert results.loc[(4, 10, 1), ["steps", "stable_steps"]].tolist() == [2503, 2503]
    row = results.loc[(4, 10, 2)]
    assert (
        row["steps"] == 66
        and row["rate"] == pytest.approx(0.1)
        and row["window_low"] < 0.1 < row["window_high"]
    )
    assert row["finest_steps"] <= 66 < row["stable_steps"] < 1300 and row["stable_limit"] < 0.005
    with np.load(finished / "curves.npz", allow_pickle=False) as curves:
        at, kernels = (curves[f"p=4, ratio=10, depth=2/steps/{name}"] for name in ("at", "kernels"))
    assert (
        at[-1] == 66
        and np.abs(kernels[-1] - [10, 1]).max() < 0.1 <= np.abs(kernels[-2] - [10, 1]).max()
    )
    assert sorted(file.stem for file in (finished / "figures").glob("*.png")) == FIGURES
    shown = scalars(events(finished / "L4, depth 2"), "log10 of steps by y1 over y2/grid")
    assert shown[10] == pytest.approx(np.log10(66))


def test_the_table_and_the_claims_name_the_gains(finished_run):
    output = finished_run("plateau").output
    assert "2,503" in output and "10: x37.9" in output


def test_nothing_reached_is_said(tmp_path, capsys):
    options = "--ratios 50 --powers 4 --depths 1 2 --steps 5 --rates-per-decade 2".split()
    EXPERIMENT.main(["--logdir", str(tmp_path), *options])
    output = capsys.readouterr().out
    assert output.count(">5") == 4 and "cannot tell" in output
