"""When depth helps: the run folder and what it prints."""

from __future__ import annotations

import json

import pandas as pd
import pytest

FIGURES = [
    "phase_diagram_0_05",
    "phase_diagram_0_2",
    "speed_up_against_kurtosis",
    "speed_up_against_steps",
]


@pytest.fixture(scope="module")
def finished(finished_run):
    return finished_run("when_depth_helps").path


def test_the_run_folder_explains_itself(finished):
    config = json.loads((finished / "config.json").read_text())
    assert config["data"]["measured"]["kurtosis"] > 5
    results = pd.read_csv(finished / "results.csv")
    # p = 2: one kurtosis stands for all; the data: the first target of each p.
    assert len(results) == (2 * 1 * 2 + 2 * 2 * 2) * 2 * 2 + 2
    assert not results[["at_edge_1", "at_edge_2"]].to_numpy().any()
    assert sorted(path.stem for path in (finished / "figures").glob("*.png")) == FIGURES


def test_the_claims_are_printed(finished_run):
    assert "L4: depth 2 takes fewer steps" in finished_run("when_depth_helps").output
