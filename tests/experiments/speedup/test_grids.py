"""The fine grid around the best rates of the coarse one."""

from __future__ import annotations

import pandas as pd

from experiments.speedup.grids import COARSE, REACH, fine_tenths, rate_of


def test_fine_rates_surround_every_best_coarse_rate():
    rates = [rate_of(tenth) for tenth in COARSE]
    runs = pd.DataFrame({"learning_rate": rates, "status": "finished", "final_loss": 1.0})
    bests = {"50%": -10, "10%": -20, "3%": -20}
    for target, best in bests.items():
        runs[f"steps_to_{target}"] = [3 if tenth == best else 7 for tenth in COARSE]
    # No rate reached the last target; the lowest loss stands in for it.
    runs["steps_to_1%"] = None
    runs.loc[runs["learning_rate"] == rates[0], "final_loss"] = 0.5
    tenths = fine_tenths(runs, [*bests, "1%"])
    assert tenths == list(range(COARSE[0] - REACH, -10 + REACH + 1))
