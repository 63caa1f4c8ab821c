"""The contest: its settings, and a small one of real workers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.benchmarks.step_cost.contest import Contest, measurements_of
from experiments.benchmarks.step_cost.contestants import CONTESTANTS, Setting, settings_of
from experiments.benchmarks.step_cost.result_tables import results_of
from experiments.benchmarks.step_cost.status import MEASURED
from experiments.benchmarks.step_cost.worker_process import Launcher
from overparam_tf import Problem


def test_a_contest_of_real_workers():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 4)), rng.standard_normal((50, 1))
    problem = Problem("toy", x, y, "made", "none", synthetic=True)
    measurements = [
        measurement
        for measurement in measurements_of([Setting("sgd", 1)])
        if measurement.contestant.worker == "with_numpy"
    ]
    contest, words = Contest(measurements, problem, 0.002, Launcher(timeout=60)), []
    contest.run(rounds=2, report=words.append)
    assert all("with_numpy" in word or "/sgd/1" in word for word in words)
    assert len(words) == contest.pieces(rounds=2)
    assert [each.status for each in measurements] == [MEASURED] * len(measurements)
    assert len(contest.rounds) == 2 * len(measurements)
    assert all(burst["ms"] > 0 for burst in contest.rounds)
    assert set(contest.workers) == {"with_numpy", "with_numpy, 1 thread"}
    assert contest.workers["with_numpy"]["versions"] == {"numpy": np.__version__}
    results = results_of(measurements, contest.rounds)
    assert not results["contestant"].duplicated().any()
    bests = pd.DataFrame(contest.rounds).groupby("contestant")["ms"].min()
    assert (results.set_index("contestant")["ms_min"] == bests[results["contestant"]]).all()


def test_the_settings_are_those_of_the_comparison():
    settings = settings_of((1, 2, 3))
    assert settings[:3] == [("sgd", 1), ("sgd", 2), ("sgd", 3)]
    assert settings[-1] == ("adam", 3) and len(settings) == 8
    measurements = measurements_of(settings)
    first = sum(len(contestant.threads) for contestant in CONTESTANTS)
    everywhere = sum(len(each.threads) for each in CONTESTANTS if each.everywhere)
    names = {measurement.name for measurement in measurements}
    assert len(names) == len(measurements) == first + 7 * everywhere
