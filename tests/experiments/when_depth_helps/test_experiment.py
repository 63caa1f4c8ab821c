"""When depth helps: the run folder, redrawing, bad input."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from experiments.when_depth_helps.experiment import EXPERIMENT
from tests.event_files import events
from tests.experiments.refusals import assert_refused

FIGURES = [
    "phase_diagram_0_05",
    "phase_diagram_0_2",
    "speed_up_against_kurtosis",
    "speed_up_against_steps",
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("logs")
    grid = "--conditions 1 300 --kurtoses 2 6 --alignments 0.25 0.9 --powers 2 4"
    size = "--rows 30 --features 4 --steps 150 --targets 0.2 0.05 --seeds 0 1"
    options = f"--data synthetic --quiet --rates-per-decade 4 {grid} {size}".split()
    EXPERIMENT.main(["--logdir", str(logdir), *options])
    return next((logdir / "when_depth_helps").iterdir())


def test_the_run_folder_explains_itself(finished):
    config = json.loads((finished / "config.json").read_text())
    assert config["data"]["measured"]["kurtosis"] > 5
    assert {"command", "commit", "versions"} <= set(config)
    results = pd.read_csv(finished / "results.csv")
    # p = 2: one kurtosis stands for all; the data: the first target of each p.
    assert len(results) == (2 * 1 * 2 + 2 * 2 * 2) * 2 * 2 + 2
    assert not results[["at_edge_1", "at_edge_2"]].to_numpy().any()
    assert sorted(path.stem for path in (finished / "figures").glob("*.png")) == FIGURES


def test_redraw_needs_only_the_folder(finished, capsys):
    for figure in (finished / "figures").iterdir():
        figure.unlink()
    EXPERIMENT.main(["--logdir", str(finished.parents[1]), "--redraw", finished.name])
    output = capsys.readouterr().out
    assert sorted(path.stem for path in (finished / "figures").iterdir()) == FIGURES
    assert "L4: depth 2 takes fewer steps" in output
    assert {"results", "claims", *(f"figures/{name}" for name in FIGURES)} <= set(
        events(finished / "tb" / "charts")
    )


BAD = {
    "odd p": ["--powers", "3"],
    "large p": ["--powers", "10"],
    "condition below 1": ["--conditions", "0.5"],
    "impossible kurtosis": ["--kurtoses", "0.9"],
    "kurtosis above the rows'": ["--kurtoses", "100"],
    "alignment above 1": ["--alignments", "1.5"],
    "alignment twice": ["--alignments", "0.5", "0.5"],
    "target reached at once": ["--targets", "1"],
    "too few rows": ["--rows", "10"],
    "nothing explained, NaN": ["--explained", "nan"],
    "no rates": ["--rates-per-decade", "0"],
    "no steps": ["--steps", "0"],
    "negative seed": ["--seeds", "-1"],
    "unknown run to redraw": ["--redraw", "nothing"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, tmp_path, capsys):
    arguments = ["--data", "synthetic", *BAD[case]]
    assert_refused("when_depth_helps", EXPERIMENT.main, arguments, tmp_path / "logs", capsys)
