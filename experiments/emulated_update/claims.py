"""The claims of Theorem 1 about the gap between real factors and the rule, with their verdicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from experiments.emulated_update.gaps import common_time
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
    has_more_rules = set(slopes["rule"]) != {"end_to_end"}
    groups = slopes.groupby(["p", "start", "decay", "rule"], sort=False)
    for (p, start, decay, rule), group in groups:
        setting = f"L{p}, {start.replace('_', ' ')}" + (f", decay {decay:g}" if decay else "")
        if rule == "exact":
            claims.append(_exact(group, setting))
        elif rule == "unbalanced":
            claims.append(_proportional(group, setting, "with the conserved differences "))
        elif start == "balanced":
            claims.append(_proportional(group, setting))
        else:
            claims.append((_needs_balance if has_more_rules else _small)(group, setting))
    # The second part is new with the other rules.
    starts = ("balanced", "near_zero") if has_more_rules else ("balanced",)
    for start in starts:
        claims += _width_claims(slopes[slopes["start"] == start], history, pairs, start)
    return claims


def _width_claims(
    slopes: pd.DataFrame, history: History, pairs: Sequence[Pair], start: str
) -> list[Claim]:
    """Return for each loss and depth of one start whether the real curves depend on the width."""
    claims = []
    for (p, depth), group in slopes.groupby(["p", "N"], sort=False):
        if group["width"].nunique() > 1:
            compared = [pair for pair in pairs if (pair.p, pair.depth) == (p, depth)]
            spread = _spread_over_widths(compared, history, start)
            claims.append(
                Claim(
                    f"the width does not matter (L{p}, N={depth}, {start.replace('_', ' ')})",
                    None if np.isnan(spread) else bool(spread <= _allowed(group, start)),
                    f"curves of widths {group['width'].unique().tolist()} "
                    f"differ by at most {spread:.1e}",
                )
            )
    return claims


def _allowed(group: pd.DataFrame, start: str) -> float:
    """Return the spread that counts as none: balanced, the gap to the rule; else ten percent."""
    return group["gap"].max() if start == "balanced" else 0.1


def _proportional(group: pd.DataFrame, setting: str, rule: str = "") -> Claim:
    known = _known_slopes(group)
    held = None if known.empty else bool(known.min() >= 0.9 and known.max() <= 1.1)
    text = f"the gap {rule}is proportional to the rate ({setting})"
    return _about_gap(group, text, held, _slopes_text(known))


def _small(group: pd.DataFrame, setting: str) -> Claim:
    text = f"near zero is balanced enough: gap below 10 % ({setting})"
    return _about_gap(group, text, bool(group["gap"].max() < 0.1))


def _needs_balance(group: pd.DataFrame, setting: str) -> Claim:
    known = _known_slopes(group)
    held = None if known.empty else bool(known.max() < 0.5 and group["gap"].max() > 0.01)
    text = f"balance is needed: Theorem 1's gap does not vanish with the rate ({setting})"
    return _about_gap(group, text, held, _slopes_text(known))


def _exact(group: pd.DataFrame, setting: str) -> Claim:
    text = f"the exact step is real training: gap below 1e-6 ({setting})"
    return _about_gap(group, text, bool(group["gap"].max() < 1e-6))


def _about_gap(group: pd.DataFrame, text: str, held: bool | None, slopes: str = "") -> Claim:
    """Return a claim with the largest gap among its numbers; open where every run diverged."""
    gap = group["gap"].max()
    if np.isnan(gap):
        return Claim(text, None, DIVERGED)
    return Claim(text, held, f"{slopes}gap at most {gap:.1e} at rate {group['rate'].iloc[0]}")


def _known_slopes(group: pd.DataFrame) -> pd.Series:
    """Return the slopes that are known, the lowest and the highest of each setting."""
    return group[["lowest_slope", "highest_slope"]].stack().dropna()


def _slopes_text(known: pd.Series) -> str:
    return f"slopes {known.min():.3f} to {known.max():.3f}, "


def _spread_over_widths(pairs: Sequence[Pair], history: History, start: str) -> float:
    """Return the largest relative difference between the curves of different widths.

    They are those of real factors at the largest rate, without weight decay, up to the time that
    every rate trains for and as far as all of them go; NaN where one diverged at once.
    """
    compared = [pair for pair in pairs if pair.start == start and not pair.decay]
    time = common_time(compared[0], pairs, history)
    spread = 0.0
    for seed in history.runs["seed"].unique():
        curves = []
        for pair in compared:
            steps, losses = history.curve(pair.factors, pair.largest_rate, seed)
            curves.append(losses[steps * pair.largest_rate <= time])
        length = min(map(len, curves))
        if not length:
            return float("nan")
        common = np.array([losses[:length] for losses in curves])
        spread = max(spread, float(np.max(np.ptp(common, axis=0) / common.min(axis=0))))
    return spread
