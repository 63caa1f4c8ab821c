"""The cost of layers from the command line: the run folder, redrawing, bad input."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from experiments.benchmarks.layer_cost.experiment import EXPERIMENT
from tests.event_files import events, scalars
from tests.experiments.refusals import assert_refused

FIGURES = ["dense", "models", "orders"]
SMALL = "--inputs 16 --units 4 --batches 8 --compilers graph --layers fc2 --seconds 0.02"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("logs")
    EXPERIMENT.main(["--logdir", str(logdir), "--quiet", "--name", "run", *SMALL.split()])
    return logdir / "layer_cost" / "run"


def test_the_run_folder_explains_itself(finished):
    record = json.loads((finished / "config.json").read_text())
    assert {"options", "command", "commit", "versions", "machine"} <= set(record)
    assert record["options"]["seconds"] == 0.02
    results = pd.read_csv(finished / "results.csv")
    assert len(results) == 4 + 3 + 3 + 3 and (results["rounds"] >= 5).all()
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
    trial = events(finished / "tb" / "dense" / "16 x 4, batch 8" / "step, graph, auto")
    assert scalars(trial, "multiply_adds")[0] == 16 * 4 + 4 * 4


def test_redraw_needs_only_the_folder(finished, capsys):
    for path in (finished / "figures").iterdir():
        path.unlink()
    EXPERIMENT.main(["--logdir", str(finished.parents[1]), "--redraw", "run"])
    output = capsys.readouterr().out
    assert sorted(path.stem for path in (finished / "figures").iterdir()) == FIGURES
    assert "16 x 4" in output and "5,130" in output and output.count("(graph)") == 2
    tags = {"claims", *(f"figures/{name}" for name in FIGURES)}
    assert tags <= set(events(finished / "tb" / "charts"))


BAD = {
    "unknown part": ["--part", "some"],
    "unknown compiler": ["--compilers", "gcc"],
    "unknown layer": ["--layers", "conv9"],
    "layer twice": ["--layers", "fc1", "fc1"],
    "no inputs": ["--inputs", "0"],
    "huge units": ["--units", "100000"],
    "batch twice": ["--batches", "8", "8"],
    "fractional batch": ["--batches", "1.5"],
    "no time": ["--seconds", "0"],
    "NaN seconds": ["--seconds", "nan"],
    "endless": ["--seconds", "inf"],
    "unknown run to redraw": ["--redraw", "nothing"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, tmp_path, capsys):
    assert_refused("layer_cost", EXPERIMENT.main, BAD[case], tmp_path / "logs", capsys)
