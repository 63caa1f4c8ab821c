"""The gap between the loss curves of real factors and of the rule, and its growth with the rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from experiments.emulated_update.pairs import Pair
from overparam_tf.sweep import History

# A setting that is compared, in the columns of gaps.csv.
SETTING = ["p", "N", "width", "start", "decay", "rule"]
# Runs of the first versions have Theorem 1 alone, and no column for the rule.
COLUMNS = ["p", "N", "width", "start", "decay", "rate", "seed", "gap", "gap_same_time"]


def gaps_of(pairs: Sequence[Pair], history: History) -> pd.DataFrame:
    """Return the largest relative gap between the two loss curves of each pair.

    The error of the rule is a rate times a function of the time, rate x steps. Rates are therefore
    compared over the same time: up to where the smallest rate ends.

    Args:
        pairs: The pairs.
        history: Their runs.

    Returns:
        A row for each pair, rate and seed, with the columns `COLUMNS` and rule: `gap` over the
        whole run, and `gap_same_time`; NaN where one of the two diverged.
    """
    rows = []
    for pair in pairs:
        runs = history.runs[history.runs["variant"] == pair.factors]
        smallest_rate = min(rate for other in pairs if other.p == pair.p for rate in other.rates)
        time = smallest_rate * runs["steps"].max()
        for rate, seed in zip(runs["learning_rate"], runs["seed"], strict=True):
            rows.append(_row(pair, history, rate, seed, time))
    return pd.DataFrame(rows)


def _row(pair: Pair, history: History, rate: float, seed: int, time: float) -> dict[str, Any]:
    """Return the row of one rate and seed."""
    setting = (pair.p, pair.depth, pair.width, pair.start, pair.decay, pair.update)
    row = {**dict(zip(SETTING, setting, strict=True)), "rate": rate, "seed": seed}
    names = pair.factors, pair.rule
    if any(history.run(name, rate, seed)["status"] == "diverged" for name in names):
        return {**row, "gap": np.nan, "gap_same_time": np.nan}
    (steps, real), (_, rule) = (history.curve(name, rate, seed) for name in names)
    gap = np.abs(real / rule - 1)
    gap_same_time = gap[steps * rate <= time * (1 + 1e-9)]
    return {**row, "gap": gap.max(), "gap_same_time": gap_same_time.max()}


def slopes_of(gaps: pd.DataFrame) -> pd.DataFrame:
    """Return how the gap of each setting grows with the rate, the worst seed counting.

    Args:
        gaps: What `gaps_of` returned.

    Returns:
        A row for each setting: the largest rate and its `gap`, and the slope of log
        `gap_same_time` against log rate, NaN where there is a single rate or no gap.
    """
    rows = []
    for setting, group in with_rule(gaps).groupby(SETTING, sort=False):
        worst = group.groupby("rate")[["gap", "gap_same_time"]].max()
        slope = np.nan
        if len(worst) > 1 and (worst["gap_same_time"] > 0).all():
            slope, _ = np.polyfit(np.log(worst.index), np.log(worst["gap_same_time"]), 1)
        largest_rate = worst.index.max()
        rows.append((*setting, f"{largest_rate:g}", worst.loc[largest_rate, "gap"], slope))
    return pd.DataFrame(rows, columns=[*SETTING, "rate", "gap", "slope"])


def with_rule(gaps: pd.DataFrame) -> pd.DataFrame:
    """Return the gaps with the column rule, which runs of the first versions lack."""
    return gaps if "rule" in gaps else gaps.assign(rule="end_to_end")
