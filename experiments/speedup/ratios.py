"""The table of speed-ups: by loss, optimizer, depth and target, over depth 1 of that optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from experiments.harness.speed_up import Bound, SpeedUp
from experiments.speedup.step_prices import Price
from overparam_tf.comparison.bootstrap import (
    Estimate,
    best_rate,
    fewest_steps,
    good_range,
    speed_up,
)

# The target of the verdicts, of the heat maps and of the speed-up in time.
MAIN_TARGET = "10%"
UNKNOWN_PRICE = Price(np.nan, np.nan, np.nan)


def steps_to(runs: pd.DataFrame, target: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a variant's rates, increasing, and its steps to a target, shape (rates, seeds).

    Steps are infinite where a run has not reached the target, and where it diverged, even if that
    was after the target: nobody would train at such a rate. Runs are trained until they have
    reached the last target; what would become of them later nobody knows.
    """
    steps = runs[f"steps_to_{target}"].astype(float)
    steps = steps.where(runs["status"] != "diverged").fillna(np.inf)
    table = runs.assign(steps=steps).pivot(index="learning_rate", columns="seed", values="steps")
    return table.index.to_numpy(float), table.to_numpy(float)


def ratios_of(
    results: pd.DataFrame,
    targets: Sequence[str],
    prices: Mapping[tuple[int, str], Price],
    limit: int,
) -> pd.DataFrame:
    """Return a row for each loss, variant and target.

    Args:
        results: The table results.csv; only its fine grids count.
        targets: Names of the targets, the columns `steps_to_NAME` without the prefix.
        prices: Time of a step over that of depth 1, by p and variant, as far as it was measured.
        limit: Length of the runs: where only one depth reached the target, it bounds the ratio.

    Returns:
        Columns p, group (the optimizer), variant, depth, target, steps (median over seeds at the
        best rate), rate, ratio and bound (of a `SpeedUp`), low and high (ends of the interval),
        helps, price with price_least and price_most, ratio_of_times with time_low and time_high
        (the speed-up in time), runs, diverged and never (how many of them diverged, or did not
        reach the target), good_range (decades of rates that need at most twice the fewest steps).
    """
    rows = []
    fine = results[results["grid"] == "fine"]
    for (p, group), group_runs in fine.groupby(["p", "group"], sort=False):
        by_variant = dict(list(group_runs.groupby("variant", sort=False)))
        plain = by_variant[f"{group}, depth 1"]
        for target in targets:
            for variant, runs in by_variant.items():
                depth, price = runs["depth"].iloc[0], prices.get((p, variant), UNKNOWN_PRICE)
                key = {"p": p, "group": group, "variant": variant, "depth": depth, "target": target}
                rows.append(key | _comparison(plain, runs, target, price, limit))
    return pd.DataFrame(rows)


def _comparison(
    plain: pd.DataFrame, runs: pd.DataFrame, target: str, price: Price, limit: int
) -> dict[str, Any]:
    """Return the row of a variant's runs, compared with those of depth 1."""
    _, plain_steps = steps_to(plain, target)
    rates, steps = steps_to(runs, target)
    gain = speed_up(plain_steps, steps, limit)
    timed = gain.in_time(price.median)
    fewest, diverged = fewest_steps(steps), int((runs["status"] == "diverged").sum())
    return {
        "steps": fewest,
        "rate": rates[best_rate(steps)] if np.isfinite(fewest) else np.nan,
        "ratio": gain.speed_up.ratio,
        "bound": gain.speed_up.bound.value,
        "low": gain.low,
        "high": gain.high,
        "helps": gain.helps,
        "price": price.median,
        "price_least": price.least,
        "price_most": price.most,
        "ratio_of_times": timed.speed_up.ratio,
        "time_low": timed.low,
        "time_high": timed.high,
        "runs": len(runs),
        "diverged": diverged,
        "never": int(np.isinf(steps).sum()) - diverged,
        "good_range": good_range(rates, steps),
    }


def is_rule(variant: str) -> bool:
    """Return whether a variant is the end-to-end rule, alone or in front of an optimizer.

    Example:
        >>> names = "rule, depth 2", "Adam, behind the rule, depth 2", "SGD, depth 2"
        >>> [is_rule(name) for name in names]
        [True, True, False]
    """
    return "rule, depth" in variant


def depth_label(variant: str, depth: float) -> str:
    """Return a variant's depth as figures and tables show it, that of the rule with a mark.

    A fractional depth needs none: factors have whole ones.

    Example:
        >>> depth_label("SGD, depth 2", 2), depth_label("rule, depth 2", 2)
        ('2', '2r')
        >>> depth_label("rule, depth 1.5", 1.5)
        '1.5'
    """
    return f"{depth:g}r" if is_rule(variant) and depth == int(depth) else f"{depth:g}"


def with_labels(ratios: pd.DataFrame) -> pd.DataFrame:
    """Return the table, sorted by depth, with the column label of `depth_label`."""
    pairs = zip(ratios["variant"], ratios["depth"], strict=True)
    labelled = ratios.assign(label=[depth_label(*pair) for pair in pairs])
    return labelled.sort_values(["depth", "label"], kind="stable")


def estimate_of(row: pd.Series) -> Estimate:
    """Return the speed-up and its interval of a row of `ratios_of` or `in_time`."""
    return Estimate(SpeedUp(row["ratio"], Bound(row["bound"])), row["low"], row["high"])


def in_time(ratios: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of known price, with ratio, low, high and helps in time in place of steps.

    The interval is that over seeds; how far the price itself is known, `price_least` and
    `price_most` say.
    """
    priced = ratios[ratios["price"].notna()]
    timed = priced.assign(
        ratio=priced["ratio_of_times"], low=priced["time_low"], high=priced["time_high"]
    )
    helps = [estimate_of(row).helps for _, row in timed.iterrows()]
    return timed.assign(helps=pd.Series(helps, timed.index, dtype=object))
