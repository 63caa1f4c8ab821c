"""The plateau of the two-example toy: the run folder, redrawing, bad input."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from experiments.plateau.experiment import EXPERIMENT
from tests.event_files import events, scalars
from tests.experiments.refusals import assert_refused

FIGURES = ["mechanism", "speed_up", "steps_against_rate", "trajectories"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("logs")
    options = "--ratios 1 3 10 --powers 2 4 --depths 1 2 --steps 3000 --quiet --name run".split()
    EXPERIMENT.main(["--logdir", str(logdir), *options])
    return logdir / "plateau" / "run"


def test_the_run_folder_explains_itself(finished):
    config = json.loads((finished / "config.json").read_text())
    assert config["closeup"] == {"p": 4, "ratio": 10} and {"command", "commit", "versions"} <= set(
        config
    )
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
    assert scalars(events(finished / "tb" / "p=4, depth=2" / "ratio=10"), "steps")[0] == 66


def test_redraw_needs_only_the_folder(finished, capsys):
    for figure in (finished / "figures").iterdir():
        figure.unlink()
    EXPERIMENT.main(["--logdir", str(finished.parents[1]), "--redraw", "run"])
    output = capsys.readouterr().out
    assert sorted(file.stem for file in (finished / "figures").iterdir()) == FIGURES
    assert "2,503" in output and "10: x37.9" in output
    assert {"results", "claims", *(f"figures/{name}" for name in FIGURES)} <= set(
        events(finished / "tb" / "charts")
    )


def test_nothing_reached_is_said(tmp_path, capsys):
    options = "--ratios 50 --powers 4 --depths 1 2 --steps 5 --rates-per-decade 2".split()
    EXPERIMENT.main(["--logdir", str(tmp_path), *options])
    output = capsys.readouterr().out
    assert output.count(">5") == 4 and "cannot tell" in output


def test_damaged_results_are_one_line(tmp_path, capsys):
    (tmp_path / "plateau" / "run").mkdir(parents=True)
    (tmp_path / "plateau" / "run" / "config.json").write_text("{}")
    with pytest.raises(SystemExit):
        EXPERIMENT.main(["--logdir", str(tmp_path), "--redraw", "run"])
    error = capsys.readouterr().err
    assert "results.csv" in error and error.count("\n") == 1


BAD = {
    "odd p": ["--powers", "3"],
    "no p": ["--powers", "0"],
    "ratio below 1": ["--ratios", "0"],
    "huge ratio": ["--ratios", "100000"],
    "ratio twice": ["--ratios", "10", "10"],
    "fractional ratio": ["--ratios", "1.5"],
    "depth zero": ["--depths", "0", "1"],
    "no depth one": ["--depths", "2", "3"],
    "no steps": ["--steps", "0"],
    "no rates": ["--rates-per-decade", "0"],
    "start at zero": ["--start", "0"],
    "NaN start": ["--start", "nan"],
    "fitted at the start": ["--target", "1"],
    "no target": ["--target", "0"],
    "unknown run to redraw": ["--redraw", "nothing"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, tmp_path, capsys):
    assert_refused("plateau", EXPERIMENT.main, BAD[case], tmp_path / "logs", capsys)
