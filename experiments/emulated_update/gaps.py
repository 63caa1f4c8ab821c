"""How far real factors and the end-to-end rule part, and Theorem 1's claims about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from experiments.harness.results import Claim
from overparam_tf.sweep import History


def gaps_of(pairs: Sequence[dict], history: History) -> pd.DataFrame:
    """A row per pair, rate and seed: the largest relative gap between the two loss curves, NaN where one diverged.

    `gap` is over the whole run. The error of the rule is a rate times a function of the time rate x steps, so
    that rates can be compared over the same time: `gap_same_time` is up to where the smallest rate ends.
    """
    rows = []
    for pair in pairs:
        runs = history.runs[history.runs["variant"] == pair["factors"]]
        smallest_rate = min(min(other["rates"]) for other in pairs if other["p"] == pair["p"])
        same_time = smallest_rate * runs["steps"].max()
        for key in zip(runs["learning_rate"], runs["seed"], strict=True):
            (steps, real), (_, rule) = (
                history.curve(pair[kind], *key) for kind in ("factors", "rule")
            )
            diverged = any(
                history.run(pair[kind], *key)["status"] == "diverged"
                for kind in ("factors", "rule")
            )
            gap = np.full(1, np.nan) if diverged else np.abs(real / rule - 1)
            rows.append(
                {
                    **{name: pair[name] for name in ("p", "N", "width", "start", "decay")},
                    "rate": key[0],
                    "seed": key[1],
                    "gap": gap.max(),
                    "gap_same_time": gap.max()
                    if diverged
                    else gap[steps * key[0] <= same_time * (1 + 1e-9)].max(),
                }
            )
    return pd.DataFrame(rows)


def slopes_of(gaps: pd.DataFrame) -> pd.DataFrame:
    """A row per setting: the gap at the largest rate, and the slope of log gap against log rate (worst seed)."""
    rows = []
    for key, group in gaps.groupby(["p", "N", "width", "start", "decay"], sort=False):
        worst = group.groupby("rate")[["gap", "gap_same_time"]].max()
        slope = np.nan
        if len(worst) > 1 and (worst["gap_same_time"] > 0).all():
            slope = np.polyfit(np.log(worst.index), np.log(worst["gap_same_time"]), 1)[0]
        rows.append((*key, f"{worst.index[-1]:g}", worst["gap"].iloc[-1], slope))
    return pd.DataFrame(rows, columns=["p", "N", "width", "start", "decay", "rate", "gap", "slope"])


def claims_of(slopes: pd.DataFrame, history: History, pairs: Sequence[dict]) -> list[Claim]:
    """Theorem 1's claims: the gap vanishes in proportion to the rate, and widths make no difference."""
    claims = []
    for (p, start, decay), group in slopes.groupby(["p", "start", "decay"], sort=False):
        setting = f"L{p}, {start.replace('_', ' ')}" + (f", decay {decay:g}" if decay else "")
        known, gap, rate = group["slope"].dropna(), group["gap"].max(), group["rate"].iloc[0]
        if start == "balanced":
            held = None if known.empty or np.isnan(gap) else bool(known.between(0.9, 1.1).all())
            numbers = f"slopes {known.min():.3f} to {known.max():.3f}, gap at most {gap:.1e} at rate {rate}"
            claims.append(Claim(f"the gap is proportional to the rate ({setting})", held, numbers))
        else:
            numbers = f"gap at most {gap:.1e} at rate {rate}"
            claims.append(
                Claim(
                    f"near zero is balanced enough: gap below 10 % ({setting})",
                    bool(gap < 0.1),
                    numbers,
                )
            )
    for (p, depth), group in slopes[slopes["start"] == "balanced"].groupby(["p", "N"], sort=False):
        if group["width"].nunique() > 1:
            spread = _spread_over_widths(
                [pair for pair in pairs if (pair["p"], pair["N"]) == (p, depth)], history
            )
            numbers = f"curves of widths {group['width'].unique().tolist()} differ by at most {spread:.1e}"
            held = bool(spread <= group["gap"].max())
            claims.append(
                Claim(f"the width does not matter (L{p}, N={depth}, balanced)", held, numbers)
            )
    return claims


def _spread_over_widths(pairs: Sequence[dict], history: History) -> float:
    """Largest relative difference between the curves of balanced factors of different widths, at the largest rate."""
    spread = 0.0
    for seed in history.runs["seed"].unique():
        names = [
            pair["factors"] for pair in pairs if pair["start"] == "balanced" and not pair["decay"]
        ]
        curves = np.stack([history.curve(name, max(pairs[0]["rates"]), seed)[1] for name in names])
        spread = max(spread, float(np.max(np.ptp(curves, axis=0) / curves.min(axis=0))))
    return spread
