from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.depth_compare import EXPERIMENT, claims_of, speed_up_table
from overparam_tf import History
from tests.experiments.refusals import assert_refused

main = EXPERIMENT.main


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("logs")
    rates = ["--learning-rates", "0.0005", "0.01"]
    main(
        [
            "--logdir",
            str(logdir),
            "--quiet",
            "--data",
            "synthetic",
            "--depths",
            "1",
            "2",
            "4",
            "--steps",
            "500",
            *rates,
        ]
    )
    return next((logdir / "depth_compare").iterdir())


def test_the_run_folder_is_complete(finished):
    figures = {path.stem for path in (finished / "figures").iterdir()}
    each = {
        f"l{p}_{kind}" for p in (2, 4) for kind in ("curves", "excess_loss", "loss_against_rate")
    }
    assert figures == {"speed_up", *each}
    results = pd.read_csv(finished / "results.csv")
    assert len(results) == 2 * 3 * 2 and set(results["depth"]) == {1, 2, 4}
    assert set(results["loss"]) == {"L2, mean(e^2)/2", "L4, mean(e^4)/4"}


def test_redraw_needs_no_training(finished):
    for path in (finished / "figures").iterdir():
        path.unlink()
    main(["--logdir", str(finished.parents[1]), "--quiet", "--redraw", finished.name])
    assert len(list((finished / "figures").iterdir())) == 7


def history(steps_to_target):
    """A history of 1000 steps with the given steps to the target, by variant and run."""
    rows = [(name, step, 1000) for name, steps in steps_to_target.items() for step in steps]
    runs = pd.DataFrame(rows, columns=["variant", "steps_to_target", "steps"]).astype(
        {"steps_to_target": "Int64"}
    )
    return History(runs, np.arange(1), np.zeros((1, len(runs))), [], {})


CASES = {  # steps of depth 1, of depth 2 -> ratio, bound, verdict under L4
    "faster": ([200, 400], [100, None], 2.0, "", True),
    "slower": ([100], [400], 0.25, "", False),
    "only depth gets there": ([None], [100], 10.0, ">", True),
    "only depth 1 gets there": ([100], [None], 0.1, "<", False),
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


@pytest.mark.parametrize(
    "options", [["--depths", "2"], ["--depths", "0", "1"], ["--init", "warm"], ["--width", "0"]]
)
def test_bad_input_is_one_line_and_writes_nothing(options, tmp_path, capsys):
    assert_refused(
        "depth_compare", main, ["--data", "synthetic", *options], tmp_path / "logs", capsys
    )
