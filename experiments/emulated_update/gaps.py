"""The gap between the loss curves of real factors and of the rule, and its growth with the rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline

from experiments.emulated_update.pairs import Pair
from overparam_tf.sweep import History

# A setting that is compared, in the columns of gaps.csv.
SETTING = ["p", "N", "width", "start", "decay", "rule"]
# Runs of the first versions have Theorem 1 alone, and no column for the rule.
COLUMNS = ["p", "N", "width", "start", "decay", "rate", "seed", "gap", "gap_same_time"]


def gaps_of(pairs: Sequence[Pair], history: History) -> pd.DataFrame:
    """Return the largest relative gap between the two loss curves of each pair.

    The error of the rule is a rate times a function of the time, rate x steps. Rates are therefore
    compared at the same times: those that the largest rate recorded, up to where the smallest rate
    ends.

    Args:
        pairs: The pairs.
        history: Their runs.

    Returns:
        A row for each pair, rate and seed, with the columns `COLUMNS` and rule: `gap` over the
        whole run, and `gap_same_time`. NaN where one of the two diverged, for `gap_same_time` if
        that was in the time.
    """
    rows = []
    for pair in pairs:
        runs = history.runs[history.runs["variant"] == pair.factors]
        times = _common_times(pair, pairs, history)
        for rate, seed in zip(runs["learning_rate"], runs["seed"], strict=True):
            rows.append(_row(pair, history, rate, seed, times))
    return pd.DataFrame(rows)


def common_time(pair: Pair, pairs: Sequence[Pair], history: History) -> float:
    """Return the time, rate x steps, that every rate of the pairs under the same loss trains for.

    Args:
        pair: A pair.
        pairs: All pairs.
        history: Their runs.
    """
    smallest_rate = min(rate for other in pairs if other.p == pair.p for rate in other.rates)
    steps = history.runs.loc[history.runs["variant"] == pair.factors, "steps"].max()
    return smallest_rate * steps * (1 + 1e-9)


def _common_times(pair: Pair, pairs: Sequence[Pair], history: History) -> np.ndarray:
    times = history.steps * pair.largest_rate
    return times[times <= common_time(pair, pairs, history)]


def _row(pair: Pair, history: History, rate: float, seed: int, times: np.ndarray) -> dict[str, Any]:
    """Return the row of one rate and seed."""
    setting = (pair.p, pair.depth, pair.width, pair.start, pair.decay, pair.update)
    row = {**dict(zip(SETTING, setting, strict=True)), "rate": rate, "seed": seed}
    names = pair.factors, pair.rule
    (steps, real), (_, rule) = (history.curve(name, rate, seed) for name in names)
    both = min(len(real), len(rule))
    gap = real[:both] / rule[:both] - 1
    ends = [history.run(name, rate, seed) for name in names]
    diverged = any(end["status"] == "diverged" for end in ends)
    if both < 2 or times[-1] > steps[both - 1] * rate * (1 + 1e-9):
        same_time = np.nan
    else:
        # From near zero the gap rises and falls within a few recorded steps.
        same_time = np.abs(CubicSpline(steps[:both] * rate, gap)(times)).max()
    return {**row, "gap": np.nan if diverged else np.abs(gap).max(), "gap_same_time": same_time}


def slopes_of(gaps: pd.DataFrame) -> pd.DataFrame:
    """Return how the gap of each setting grows with the rate.

    Args:
        gaps: What `gaps_of` returned.

    Returns:
        A row for each setting: the largest `rate` at which every seed has a gap over the same time,
        the largest such `gap` of any seed, and, over the seeds, the lowest and the highest slope of
        log `gap_same_time` against log rate between the two smallest rates, where the limit of
        small rates shows. They are NaN where there is a single rate or no gap.
    """
    rows = []
    for setting, group in with_rule(gaps).groupby(SETTING, sort=False):
        by_rate = group.pivot(index="rate", columns="seed", values="gap_same_time").sort_index()
        known = by_rate.dropna()
        rate = by_rate.index.max() if known.empty else known.index.max()
        gap = np.nan if known.empty else known.loc[rate].max()
        rows.append((*setting, f"{rate:g}", gap, *_slope_range(by_rate)))
    return pd.DataFrame(rows, columns=[*SETTING, "rate", "gap", "lowest_slope", "highest_slope"])


def _slope_range(by_rate: pd.DataFrame) -> tuple[float, float]:
    """Return the lowest and the highest slope of the seeds between the two smallest rates."""
    smallest = by_rate.iloc[:2]
    if len(smallest) < 2 or not (smallest > 0).all(axis=None):
        return np.nan, np.nan
    logs = np.log(smallest)
    slopes = (logs.iloc[1] - logs.iloc[0]) / np.log(smallest.index[1] / smallest.index[0])
    return slopes.min(), slopes.max()


def with_rule(gaps: pd.DataFrame) -> pd.DataFrame:
    """Return the gaps with the column rule, which runs of the first versions lack."""
    return gaps if "rule" in gaps else gaps.assign(rule="end_to_end")
