"""The cost of layers from the command line: the run folder and its tables."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from experiments.board.trials import trial_table
from overparam_tf.runlog import RunFolder

FIGURES = ["dense", "models", "orders"]


@pytest.fixture(scope="module")
def finished(finished_run):
    return finished_run("layer_cost").path


def test_the_run_folder_explains_itself(finished):
    record = json.loads((finished / "config.json").read_text())
    assert record["options"]["seconds"] == 0.02
    results = pd.read_csv(finished / "results.csv")
    assert len(results) == 4 + 3 + 4 + 4 and (results["rounds"] >= 5).all()
    results = results.set_index(["part", "mode", "contestant"]).sort_index()
    step = results.loc[("dense", "step")]
    assert step["order"].to_dict() == {
        "plain": "plain",
        "chain": "chain",
        "kernel": "kernel",
        "auto": "chain",
    }
    assert step["parameters"].to_dict() == {"plain": 68, "chain": 84, "kernel": 84, "auto": 84}
    assert step.loc[step["better"].iloc[0], "to_better"] == 1
    assert (step["to_plain_low"] <= step["to_plain_high"]).all()
    assert results.loc[("models", "fit", "collapsed"), "parameters"] == 5130
    trials = trial_table(RunFolder(finished)).trials
    (trial,) = [
        trial
        for trial in trials
        if ("step", "auto") == (trial.hparams["mode"], trial.hparams["contestant"])
    ]
    assert trial.outcome["multiply_adds"] == 16 * 4 + 4 * 4


def test_the_tables_have_every_size(finished, finished_run):
    output = finished_run("layer_cost").output
    assert sorted(path.stem for path in (finished / "figures").iterdir()) == FIGURES
    assert "16 x 4" in output and "5,130" in output and output.count("(graph)") == 2
