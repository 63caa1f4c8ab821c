"""The table of speed-ups: per loss, optimizer, depth and target, against depth 1 of the same optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from experiments.harness.results import Claim
from experiments.speedup.bootstrap import SpeedUp, best_rate, fewest_steps, good_range, speed_up
from experiments.speedup.step_prices import Price

# The target by which the verdicts are given.
MAIN_TARGET = "10%"
# Columns of the ratio table: price of a step, ratio at that price, and the verdict by steps.
PRICED = ["price", f"in time to {MAIN_TARGET}", "verdict"]
UNKNOWN = Price(np.nan, np.nan, np.nan)


def steps_to(runs: pd.DataFrame, target: str) -> tuple[np.ndarray, np.ndarray]:
    """One variant's rates, increasing, and its steps to a target, shape (rates, seeds).

    Steps are infinite where a run has not reached the target, and where it diverged, be it afterwards: nobody would
    train with such a rate.
    """
    steps = (
        runs[f"steps_to_{target}"].astype(float).where(runs["status"] != "diverged").fillna(np.inf)
    )
    table = runs.assign(steps=steps).pivot(index="learning_rate", columns="seed", values="steps")
    return table.index.to_numpy(float), table.to_numpy(float)


def ratios_of(
    results: pd.DataFrame,
    targets: Sequence[str],
    prices: Mapping[tuple[int, str], Price],
    limit: int,
) -> pd.DataFrame:
    """A row per loss, variant and target.

    Args:
        results: results.csv; only its fine grids count.
        targets: names of the targets, the columns `steps_to_NAME` without the prefix.
        prices: by p and variant, the time of one of its steps over that of depth 1, as far as measured.
        limit: steps of a run: where only one of two variants got to the target, this bounds the ratio.

    Returns:
        p, group (the optimizer), variant, depth, target, steps (median over seeds at the best rate), rate, ratio, low
        and high (its interval), helps, price with price_least and price_most, ratio_of_times with time_low and
        time_high (the ratio and its interval over the price), diverged and never (how many of `runs` diverged, or
        stayed above the target), good_range (decades of rates that need at most twice the fewest steps).
    """
    rows = []
    for (p, group), runs in results[results["grid"] == "fine"].groupby(["p", "group"], sort=False):
        by_variant = dict(list(runs.groupby("variant", sort=False)))
        for target in targets:
            _, plain = steps_to(by_variant[f"{group}, depth 1"], target)
            for variant, own in by_variant.items():
                rates, steps = steps_to(own, target)
                gain, best = speed_up(plain, steps), best_rate(steps)
                price = prices.get((p, variant), UNKNOWN)
                diverged = own["status"] == "diverged"
                rows.append(
                    {
                        "p": p,
                        "group": group,
                        "variant": variant,
                        "depth": own["depth"].iloc[0],
                        "target": target,
                        "steps": fewest_steps(steps),
                        "rate": rates[best] if np.isfinite(steps[best]).any() else np.nan,
                        "ratio": gain.ratio,
                        "low": gain.low,
                        "high": gain.high,
                        "bound": _bound(fewest_steps(plain), fewest_steps(steps), limit),
                        "helps": gain.helps,
                        "price": price.median,
                        "price_least": price.least,
                        "price_most": price.most,
                        "ratio_of_times": gain.ratio / price.median,
                        "time_low": gain.low / price.median,
                        "time_high": gain.high / price.median,
                        "runs": len(own),
                        "diverged": int(diverged.sum()),
                        "never": int(np.isinf(steps).sum() - diverged.sum()),
                        "good_range": good_range(rates, steps),
                    }
                )
    return pd.DataFrame(rows)


def _bound(plain: float, other: float, limit: int) -> float:
    """The ratio, with the length of the run in place of steps that never came."""
    return (
        np.nan
        if np.isinf(plain) and np.isinf(other)
        else min(plain, limit) / max(min(other, limit), 1)
    )


def shown(row: pd.Series) -> str:
    """A ratio with its interval, as tables show it; `>` and `<` where the length of the run bounds it."""
    if np.isnan(row["ratio"]):
        return "neither"
    mark = ">" if np.isinf(row["ratio"]) else "<" if row["ratio"] == 0 else ""
    value = row["bound"] if mark else row["ratio"]
    return f"{mark}{value:.2g} [{_end(row['low'])}, {_end(row['high'])}]"


def in_time(ratios: pd.DataFrame) -> pd.DataFrame:
    """The rows of known price with times in place of steps: ratio, interval, bound and `helps` at that price.

    The interval is that of the seeds; how far the price itself is known is left to `price_least` and `price_most`.
    """
    known = ratios[ratios["price"].notna()]
    timed = {"ratio": "ratio_of_times", "low": "time_low", "high": "time_high"}
    known = known.assign(**{name: known[column] for name, column in timed.items()})
    helps = [SpeedUp(*row).helps for row in known[["ratio", "low", "high"]].itertuples(index=False)]
    return known.assign(
        bound=known["bound"] / known["price"], helps=pd.Series(helps, known.index, dtype=object)
    )


def _end(value: float) -> str:
    return "∞" if np.isinf(value) else f"{value:.2g}"


def ratio_table(ratios: pd.DataFrame) -> pd.DataFrame:
    """A row per loss and variant beyond depth 1: speed-up at every target, what was censored, price, verdict."""
    rows, timed = [], in_time(ratios)
    for (p, variant), group in ratios.groupby(["p", "variant"], sort=False):
        if group["depth"].iloc[0] == 1:
            continue
        row = {"loss": f"L{p}", "variant": variant}
        row |= {f"to {line['target']}": shown(line) for _, line in group.iterrows()}
        last, main = group.iloc[-1], group[group["target"] == MAIN_TARGET].iloc[0]
        row[f"lost at {last['target']}"] = f"{last['diverged']}+{last['never']} of {last['runs']}"
        priced = not np.isnan(main["price"])
        row["price"] = (
            f"{main['price']:.2f} [{main['price_least']:.2f}, {main['price_most']:.2f}]"
            if priced
            else ""
        )
        row[f"in time to {MAIN_TARGET}"] = shown(timed.loc[main.name]) if priced else ""
        row["verdict"] = {True: "helps", False: "hurts", None: "cannot tell"}[main["helps"]]
        rows.append(row)
    return pd.DataFrame(rows)


def verdict_table(ratios: pd.DataFrame) -> pd.DataFrame:
    """A row per loss and optimizer, a column a target, and the main one in time: `+N` depth N helps, `-N` it hurts.

    `?N` where nothing can be said. At the fractional depths it is the end-to-end rule.
    """
    rows, timed = [], in_time(ratios)
    for (p, group), own in ratios[ratios["depth"] > 1].groupby(["p", "group"], sort=False):
        row = {"loss": f"L{p}", "optimizer": group}
        for target, some in own.groupby("target", sort=False):
            row[f"to {target}"] = _signs(some)
        main = own.index[(own["target"] == MAIN_TARGET) & own["price"].notna()]
        rows.append({**row, f"in time to {MAIN_TARGET}": _signs(timed.loc[main])})
    return pd.DataFrame(rows)


def _signs(rows: pd.DataFrame) -> str:
    signs = {True: "+", False: "-", None: "?"}
    return " ".join(
        f"{signs[row.helps]}{row.depth:g}" for row in rows.sort_values("depth").itertuples()
    )


def claims_of(ratios: pd.DataFrame) -> list[Claim]:
    """Per loss and optimizer: some depth reaches the main target in fewer steps than depth 1."""
    claims = []
    for (p, group), rows in ratios[ratios["target"] == MAIN_TARGET].groupby(
        ["p", "group"], sort=False
    ):
        deeper = rows[rows["depth"] > 1]
        verdicts = deeper["helps"].tolist()
        held = (
            True if True in verdicts else False if verdicts and set(verdicts) == {False} else None
        )
        numbers = "; ".join(f"depth {row['depth']:g} {shown(row)}" for _, row in deeper.iterrows())
        claims.append(
            Claim(
                f"L{p}, {group}: some depth is faster to {MAIN_TARGET} of the excess", held, numbers
            )
        )
    return claims
