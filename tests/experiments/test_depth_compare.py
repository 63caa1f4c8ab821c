"""Steps to the target, speed-ups with bounds and verdicts, by depth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.depth_compare.experiment import (
    Config,
    claims_of,
    course_claims,
    course_runs,
    speed_up_table,
)
from overparam_tf import History


@pytest.fixture(scope="module")
def finished(finished_run):
    return finished_run("depth_compare").path


def test_the_run_folder_is_complete(finished):
    figures = {path.stem for path in (finished / "figures").iterdir()}
    each = {
        f"l{p}_{kind}" for p in (2, 4) for kind in ("curves", "excess_loss", "loss_against_rate")
    }
    assert figures == {"speed_up", *each}
    results = pd.read_csv(finished / "results.csv")
    assert len(results) == 2 * 3 * 2 and set(results["depth"]) == {1, 2, 4}
    assert set(results["loss"]) == {"L2, mean(e^2)/2", "L4, mean(e^4)/4"}


def history(steps_to_target):
    """Return a history of 1000 steps with these steps to the target, by variant and run."""
    rows = [(name, step, 1000) for name, steps in steps_to_target.items() for step in steps]
    runs = pd.DataFrame(rows, columns=["variant", "steps_to_target", "steps"]).astype(
        {"steps_to_target": "Int64"}
    )
    return History(runs, np.arange(1), np.zeros((1, len(runs))), [], {})


CASES = {  # steps of depth 1, of depth 2 -> ratio, bound, verdict under L4
    "faster": ([200, 400], [100, None], 2.0, "", True),
    "slower": ([100], [400], 0.25, "", False),
    "only depth 2 reaches it": ([None], [100], 10.0, ">", True),
    "only depth 1 reaches it": ([100], [None], 0.1, "<", False),
    "neither": ([None], [None], np.nan, "?", None),
}


@pytest.mark.parametrize("case", CASES)
def test_speed_ups_are_at_each_depths_best_rate(case):
    plain, deep, ratio, bound, verdict = CASES[case]
    table = speed_up_table(
        history({"L4, depth 1": plain, "L4, depth 2": deep}), {"L4": ["L4, depth 1", "L4, depth 2"]}
    )
    gain = table.iloc[1]["speed_up"]
    assert gain.ratio == pytest.approx(ratio, nan_ok=True) and gain.bound.mark == bound
    (claim,) = claims_of(table)
    assert claim.held is verdict


def test_a_preset_fills_the_options_that_are_left_open():
    grid, uva = Config(), Config(preset="uva")
    assert (grid.depths, grid.init, grid.steps, grid.preprocessing) == (
        tuple(range(1, 9)),
        "balanced",
        400_000,
        "zscore",
    )
    assert (uva.losses, uva.depths, uva.init) == (("l2",), (1, 2, 3), "near_zero")
    assert (uva.steps, uva.preprocessing) == (700_000, "minmax")
    chosen = Config(preset="uva", quick=True, depths=(1, 2), preprocessing="zscore")
    assert (chosen.depths, chosen.steps, chosen.preprocessing) == ((1, 2), 5_000, "zscore")


@pytest.mark.parametrize(
    ("steps", "held"),
    [((10, 20, 30), True), ((10, 20, None), True), ((10, 5, 30), False), ((None, 5, 9), None)],
)
def test_the_courses_runs_are_those_at_its_rates(steps, held):
    rows = [
        {"part": "L2", "variant": f"L2, depth {depth}", "depth": depth, "learning_rate": rate}
        for depth in (1, 2, 3)
        for rate in (0.05, 0.5)
    ]
    runs = pd.DataFrame(rows)
    runs["steps_to_target"] = pd.array([4, None, None, None, None, None], dtype="Int64")
    course = [0, 2, 5]
    runs.loc[course, "steps_to_target"] = pd.array(steps, dtype="Int64")
    chosen = course_runs(
        History(runs, np.arange(1), np.zeros((1, 6)), [], {}), {"L2": list(runs["variant"])}
    )
    assert chosen.index.tolist() == course
    (claim,) = course_claims(chosen)
    assert claim.held is held
