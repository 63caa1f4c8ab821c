"""The simulation of shares: the fit of its model, and sweeps that add up to the whole run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.benchmarks.share_scaling.simulation import Work, fitted_seconds, sweeps_of_share
from experiments.harness.parts import lp_part
from experiments.harness.sweep_shares import portions_of_all
from experiments.speedup.config import Config
from tests.experiments.speedup.cases import small_regression


def test_the_model_is_found_again():
    rng = np.random.default_rng(0)
    truth, rows = np.array([1.0, 2.0, 0.5, 60.0]), []
    for _ in range(12):
        variants, runs, steps = (
            int(rng.integers(low, high)) for low, high in ((1, 5), (5, 90), (100, 9999))
        )
        work = Work(variants, runs * steps, int(rng.integers(1, 10)) * runs * steps * 100_000)
        seconds = float(truth @ work.terms)
        row = {"variants": variants, "runs": runs, "steps": steps, "processor_seconds": seconds}
        rows.append(row | {"multiply_adds": work.multiply_adds})
    np.testing.assert_allclose(fitted_seconds(pd.DataFrame(rows)), truth, rtol=1e-6)


@pytest.mark.parametrize("shares", [1, 3, 50])
def test_shares_train_every_fine_run_once(shares):
    options = Config(powers=(4,), optimizers=("SGD", "Adam"), seeds=(0, 1), steps=10)
    part = lp_part(small_regression(), 4, (), 10)
    searches = [options.search(part, optimizer) for optimizer in options.optimizers]
    fine_runs = [[20, 13, 7, 40, 31, 2], [11, 12, 13, 14]]
    coarse, total = 16 * 10, 0
    for portions in portions_of_all(searches, shares):
        for search, own, counts in zip(searches, portions, fine_runs, strict=True):
            sweeps = list(sweeps_of_share(search, own, counts))
            total += sum(work.run_steps for work in sweeps) - coarse * len(own)
    assert total == 10 * sum(map(sum, fine_runs))
