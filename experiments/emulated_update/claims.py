"""The claims of Theorem 1 about the gap between real factors and the rule, with their verdicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from experiments.emulated_update.pairs import Pair
from experiments.harness.results import Claim
from overparam_tf.sweep import History

DIVERGED = "every run diverged"


def claims_of(slopes: pd.DataFrame, history: History, pairs: Sequence[Pair]) -> list[Claim]:
    """Return the claims: the gap vanishes in proportion to the rate, the width does not matter.

    Args:
        slopes: What `slopes_of` returned.
        history: The runs.
        pairs: The pairs.
    """
    claims = []
    for (p, start, decay), group in slopes.groupby(["p", "start", "decay"], sort=False):
        setting = f"L{p}, {start.replace('_', ' ')}" + (f", decay {decay:g}" if decay else "")
        claim = _proportional if start == "balanced" else _small
        claims.append(claim(group, setting))
    balanced = slopes[slopes["start"] == "balanced"]
    for (p, depth), group in balanced.groupby(["p", "N"], sort=False):
        if group["width"].nunique() > 1:
            compared = [pair for pair in pairs if (pair.p, pair.depth) == (p, depth)]
            spread = _spread_over_widths(compared, history)
            widths = group["width"].unique().tolist()
            claims.append(
                Claim(
                    f"the width does not matter (L{p}, N={depth}, balanced)",
                    None if np.isnan(spread) else bool(spread <= group["gap"].max()),
                    f"curves of widths {widths} differ by at most {spread:.1e}",
                )
            )
    return claims


def _proportional(group: pd.DataFrame, setting: str) -> Claim:
    known, gap = group["slope"].dropna(), group["gap"].max()
    is_open = known.empty or np.isnan(gap)
    if group["gap"].isna().all():
        return Claim(f"the gap is proportional to the rate ({setting})", None, DIVERGED)
    return Claim(
        f"the gap is proportional to the rate ({setting})",
        None if is_open else bool(known.between(0.9, 1.1).all()),
        f"slopes {known.min():.3f} to {known.max():.3f}, "
        f"gap at most {gap:.1e} at rate {group['rate'].iloc[0]}",
    )


def _small(group: pd.DataFrame, setting: str) -> Claim:
    text, gap = f"near zero is balanced enough: gap below 10 % ({setting})", group["gap"].max()
    if np.isnan(gap):
        return Claim(text, None, DIVERGED)
    return Claim(
        text,
        bool(gap < 0.1),
        f"gap at most {gap:.1e} at rate {group['rate'].iloc[0]}",
    )


def _spread_over_widths(pairs: Sequence[Pair], history: History) -> float:
    """Return the largest relative difference between the curves of different widths.

    They are those of balanced factors at the largest rate, as far as all of them go; NaN where one
    diverged at once.
    """
    balanced = [pair for pair in pairs if pair.start == "balanced" and not pair.decay]
    spread = 0.0
    for seed in history.runs["seed"].unique():
        curves = []
        for pair in balanced:
            _, losses = history.curve(pair.factors, pair.largest_rate, seed)
            curves.append(losses)
        length = min(map(len, curves))
        if not length:
            return float("nan")
        common = np.array([losses[:length] for losses in curves])
        spread = max(spread, float(np.max(np.ptp(common, axis=0) / common.min(axis=0))))
    return spread
