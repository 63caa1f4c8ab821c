"""The cost of the training loop: what is timed, the verdict, bad input. No time is asserted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.benchmarks.loop_cost import EXPERIMENT, NETS, measure
from tests.experiments.refusals import assert_refused


def test_both_loops_get_every_round():
    times = measure(depth=1, rounds=2, steps=1)
    assert {name: len(seconds) for name, seconds in times.seconds.items()} == {"train": 2, "fit": 2}
    assert all((seconds > 0).all() for seconds in times.seconds.values())


def test_the_verdict_follows_the_ratios(tmp_path, capsys):
    EXPERIMENT.main(
        ["--logdir", str(tmp_path), "--name", "run", "--rounds", "1", "--steps", "1", "--quiet"]
    )
    folder = tmp_path / "loop_cost" / "run"
    results = pd.read_csv(folder / "results.csv")
    assert set(results["net"]) == set(NETS) and set(results["loop"]) == {"train", "fit"}
    results["ms"] = np.where(
        results["loop"] == "train", 20.0, np.where(results["net"] == "plain", 25.0, 10.0)
    )
    results.to_csv(folder / "results.csv", index=False)
    EXPERIMENT.main(["--logdir", str(tmp_path), "--redraw", "run"])
    output = capsys.readouterr().out
    assert "held  plain" in output and "did not hold  depth 2" in output
    assert "0.800 [0.800, 0.800]" in output


BAD = {
    "no rounds": ["--rounds", "0"],
    "no steps": ["--steps", "0"],
    "unknown run": ["--redraw", "nothing"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, tmp_path, capsys):
    assert_refused("loop_cost", EXPERIMENT.main, BAD[case], tmp_path / "logs", capsys)
