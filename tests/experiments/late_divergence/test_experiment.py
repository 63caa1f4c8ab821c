"""The experiment end to end: the mechanism on a small run, the folder, a run that survives."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from experiments.late_divergence.experiment import EXPERIMENT, read_record
from overparam_tf.runlog import RunFolder
from tests.event_files import events

FIGURES = ["crossing", "last_steps", "remedies"]
PLAIN = "constant rate"


@pytest.fixture(scope="module")
def finished(finished_run):
    return finished_run("late_divergence").path


def test_the_mechanism_on_a_small_run(finished):
    results = pd.read_csv(finished / "results.csv").set_index("method")
    plain = results.loc[PLAIN]
    assert plain["status"] == "diverged" and plain["crossed_at"] < plain["steps"]
    trace = pd.read_csv(finished / "trace.csv")
    before = trace[(trace["method"] == PLAIN) & (trace["step"] < plain["crossed_at"])]
    assert (before["sharpness"] < 2 / 0.008).all() and before["loss"].iloc[-1] < 0.5
    capped = trace[trace["method"].str.startswith("capped")]
    assert (capped["sharpness"] * capped["rate"] < 2).all()
    assert results.loc[capped["method"], "status"].eq("finished").all()
    with np.load(finished / "curves.npz", allow_pickle=False) as curves:
        steps = curves[f"{PLAIN}/tail_steps"]
    assert steps[-1] == plain["steps"] - 2 and np.all(np.diff(steps) == 1)


def test_the_run_folder_explains_itself(finished):
    config = json.loads((finished / "config.json").read_text())
    assert set(config["at_floor"]) == {"1", "2", "3"}
    assert sorted(path.stem for path in (finished / "figures").glob("*.png")) == FIGURES
    assert "synthetic" in finished.name


def test_claims_and_advice_are_shown(finished_run):
    finished = finished_run("late_divergence")
    assert "held  sharpness passes 2 / rate before every blow-up" in finished.output
    assert "What to do:" in finished.output
    assert "advice" in events(finished.path / "charts")


def test_a_run_of_the_first_version_is_read(tmp_path):
    folder = RunFolder(tmp_path)
    options = {"depth": 3, "learning_rate": None, "steps": None}
    folder.write_config({"options": options, "rate": 0.001, "steps": 600_000})
    assert read_record(folder)["options"] == {"depth": 3, "learning_rate": 0.001, "steps": 600_000}


def test_a_run_that_survives_is_drawn_too(tmp_path, capsys):
    EXPERIMENT.main(
        [
            "--logdir",
            str(tmp_path),
            "--data",
            "synthetic",
            "--quick",
            "--steps",
            "50",
            "--clips",
            "1",
        ]
    )
    output = capsys.readouterr().out
    assert "did not hold  constant rate, depth 3: the run diverges: finite after 50 steps" in output
