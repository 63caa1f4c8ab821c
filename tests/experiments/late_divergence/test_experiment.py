"""The experiment end to end: the mechanism on a small run, the folder, redrawing, bad input."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from experiments.late_divergence.experiment import EXPERIMENT, read_record
from overparam_tf.runlog import RunFolder
from tests.event_files import events
from tests.experiments.refusals import assert_refused

FIGURES = ["crossing", "last_steps", "remedies"]
PLAIN = "constant rate"

main = EXPERIMENT.main


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("logs")
    # From a balanced start there is no long plateau to leave first.
    options = [
        *("--data", "synthetic"),
        *("--init", "balanced"),
        *("--learning-rate", "0.02"),
        *("--steps", "1200"),
        *("--clips", "1"),
    ]
    main(["--logdir", str(logdir), "--quiet", "--quick", *options])
    return next((logdir / "late_divergence").iterdir())


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
    assert {"command", "commit", "versions"} <= set(config)
    assert sorted(path.stem for path in (finished / "figures").glob("*.png")) == FIGURES
    assert "synthetic" in finished.name


def test_redraw_needs_only_the_folder(finished, capsys):
    for figure in (finished / "figures").iterdir():
        figure.unlink()
    main(["--logdir", str(finished.parents[1]), "--redraw", finished.name])
    output = capsys.readouterr().out
    assert sorted(path.stem for path in (finished / "figures").iterdir()) == FIGURES
    assert "held  sharpness passes 2 / rate before every blow-up" in output
    assert "What to do:" in output
    figures = {f"figures/{name}" for name in FIGURES}
    tags = set(events(finished / "tb" / "charts"))
    assert {"results", "claims", "advice"} | figures <= tags


def test_a_run_of_the_first_version_is_read(tmp_path):
    folder = RunFolder(tmp_path)
    options = {"depth": 3, "learning_rate": None, "steps": None}
    folder.write_config({"options": options, "rate": 0.001, "steps": 600_000})
    assert read_record(folder)["options"] == {"depth": 3, "learning_rate": 0.001, "steps": 600_000}


def test_a_run_that_survives_is_drawn_too(tmp_path, capsys):
    main(["--logdir", str(tmp_path), "--data", "synthetic", "--quick", "--steps", "50"])
    output = capsys.readouterr().out
    assert "did not hold  constant rate, depth 3: the run diverges: finite after 50 steps" in output


BAD = {
    "depth 1": ["--depth", "1"],
    "nothing shallower": ["--shallower", "3"],
    "no rate": ["--learning-rate", "0"],
    "NaN rate": ["--learning-rate", "nan"],
    "no steps": ["--steps", "0"],
    "clipped to nothing": ["--clips", "0"],
    "clip twice": ["--clips", "1", "1"],
    "negative seed": ["--seed", "-1"],
    "unknown gas": ["--data", "gas", "--gas", "neon"],
    "unknown run to redraw": ["--redraw", "nothing"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, tmp_path, capsys):
    assert_refused(
        "late_divergence", main, ["--data", "synthetic", *BAD[case]], tmp_path / "logs", capsys
    )
