"""The cost of the training loop: what is timed, the verdict. No time is asserted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.benchmarks.loop_cost.experiment import EXPERIMENT, NETS, measure


def test_both_loops_get_every_round():
    times = measure(depth=1, rounds=2, steps=1)
    assert {name: len(seconds) for name, seconds in times.seconds.items()} == {"train": 2, "fit": 2}
    assert all((seconds > 0).all() for seconds in times.seconds.values())


def test_the_verdict_follows_the_ratios(copy_of_run, capsys):
    run = copy_of_run("loop_cost")
    folder = run.path
    results = pd.read_csv(folder / "results.csv")
    assert set(results["net"]) == set(NETS) and set(results["loop"]) == {"train", "fit"}
    results["ms"] = np.where(
        results["loop"] == "train", 20.0, np.where(results["net"] == "plain", 25.0, 10.0)
    )
    results.to_csv(folder / "results.csv", index=False)
    EXPERIMENT.main(["--logdir", str(run.logdir), "--redraw", "run"])
    output = capsys.readouterr().out
    assert "held  plain" in output and "did not hold  depth 2" in output
    assert "0.800 [0.800, 0.800]" in output
