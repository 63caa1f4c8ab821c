"""The paper's figure beside ours, on curves made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.harness.optimizer_figure import (
    DEPTH_2,
    GD,
    has_paper_variants,
    paper_table,
    passing_step,
)
from overparam_tf import History

STEPS = np.array([0, 10, 100, 1000])
CURVES = {
    GD: [4.0, 3.0, 2.0, 1.9],
    DEPTH_2: [4.0, 3.5, 1.0, 0.5],
    "AdaGrad": [4.0, 2.0, 0.9, 0.8],
    "AdaDelta": [4.0, 2.0, 1.0, 0.4],
}


@pytest.fixture
def history():
    losses = np.array(list(CURVES.values())).T
    runs = pd.DataFrame(
        {
            "variant": list(CURVES),
            "learning_rate": 0.1,
            "seed": 0,
            "steps": 1000,
            "final_loss": losses[-1],
        }
    )
    return History(runs, STEPS, losses, [[]] * 4, {})


def test_the_step_of_passing_is_the_one_after_the_last_above(history):
    assert passing_step(history, DEPTH_2, GD) == 100
    assert passing_step(history, DEPTH_2, "AdaGrad") == 1000
    assert passing_step(history, DEPTH_2, "AdaDelta") is None
    history.runs["final_loss"] = np.nan
    assert passing_step(history, DEPTH_2, GD) is None


def test_the_table_has_order_and_crossings(history):
    table = paper_table(history)
    (what, paper, here) = table.columns
    assert has_paper_variants(history) and here == "here, 1,000 steps"
    rows = dict(zip(table[what], zip(table[paper], table[here], strict=True), strict=True))
    assert rows["order at the end, lowest first"] == (
        "GD, depth 2 < AdaDelta < AdaGrad < GD, depth 1",
        "AdaDelta < GD, depth 2 < AdaGrad < GD, depth 1",
    )
    assert rows["GD, depth 2 passes GD, depth 1"] == ("near step 140,000", "at step 100")
    assert rows["GD, depth 2 passes AdaDelta"] == ("near step 540,000", "never")
