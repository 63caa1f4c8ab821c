"""What the verdicts say: by net and penalty, where depth helps, hurts, or nothing can be said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from scipy.stats import binom

from experiments.harness.results import Claim
from experiments.harness.speed_up import Bound
from experiments.nonlinear.config import FORMS
from experiments.nonlinear.nets import NETS

SIGNS = {"helps": "+", "hurts": "-", "cannot tell": "?"}


def main_rows(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the depths beyond 1 and the lower target of each net."""
    return verdicts[(verdicts["depth"] > 1) & verdicts["is_main"]]


def ratio_table(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each net, penalty and depth beyond 1, with the ratio for each optimizer."""
    rows = []
    for (net, place, depth), own in main_rows(verdicts).groupby(
        ["net", "penalty", "depth"], sort=False
    ):
        texts = dict(zip(own["optimizer"], own["text"], strict=True))
        rows.append({"net": net, "penalty": place, "N": depth, **texts})
    return pd.DataFrame(rows).fillna("")


def detail_table(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each net, penalty, optimizer and depth beyond 1.

    Args:
        verdicts: The table verdicts.csv.

    Returns:
        Columns net, penalty, optimizer, depth; steps at depth 1 and the ratio in steps to the lower
        target, the ratio in time; the best loss, the test error with its standard error over seeds,
        those of depth 1 in the same words; how many runs diverged or missed the target.
    """
    key = ["net", "penalty", "optimizer"]
    plain = verdicts[(verdicts["depth"] == 1) & verdicts["is_main"]].set_index(key)
    rows = []
    for row in main_rows(verdicts).itertuples():
        one = plain.loc[(row.net, row.penalty, row.optimizer)]
        rows.append(
            {
                "net": row.net,
                "penalty": row.penalty,
                "optimizer": row.optimizer,
                "depth": row.depth,
                "steps, depth 1": one["steps"],
                "ratio": row.text,
                "in time": _in_time(row),
                "best loss": f"{row.best_loss:.3g} ({one['best_loss']:.3g})",
                "test error": f"{_error(row._asdict())} ({_error(one)})",
                "lost": f"{row.diverged}+{row.censored} of {row.runs}",
            }
        )
    return pd.DataFrame(rows)


def _in_time(row: Any) -> str:
    """Return the ratio in time with its interval over seeds."""
    if Bound(row.bound) is Bound.UNKNOWN:
        return row.text
    return f"{Bound(row.bound).mark}{row.time_ratio:.2g} [{row.time_low:.2g}, {row.time_high:.2g}]"


def _error(row: Mapping[str, Any]) -> str:
    """Return the test error in per cent with its standard error."""
    name = "test_sparse_categorical_accuracy"
    return f"{100 * (1 - row[name]):.1f}±{100 * row[f'{name}_error']:.1f} %"


def verdict_table(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each net and penalty, with the signs of its depths by optimizer."""
    rows = []
    for (net, place), own in main_rows(verdicts).groupby(["net", "penalty"], sort=False):
        signs = {
            optimizer: " ".join(f"{SIGNS[row.verdict]}{row.depth}" for row in cells.itertuples())
            for optimizer, cells in own.groupby("optimizer", sort=False)
        }
        rows.append({"net": NETS[net].title, "penalty": FORMS[place], **signs})
    return pd.DataFrame(rows).fillna("")


def claims_of(verdicts: pd.DataFrame) -> list[Claim]:
    """Return, for each net and penalty, whether some depth is faster with some optimizer.

    It holds if depth helps in more pairs of optimizer and depth than chance explains, and does not
    hurt in more; it does not hold the other way round. With 95 % intervals chance gives each pair
    either verdict once in forty times, if pairs were independent.
    """
    claims = []
    for (net, place), own in main_rows(verdicts).groupby(["net", "penalty"], sort=False):
        target = own["target"].iloc[0]
        text = f"{NETS[net].title}, {FORMS[place]}: depth is faster to a loss of {target:g}"
        counts = {word: int((own["verdict"] == word).sum()) for word in SIGNS}
        helps, hurts = (is_beyond_chance(counts[word], len(own)) for word in ("helps", "hurts"))
        held = helps if helps != hurts else None
        numbers = (
            f"helps in {counts['helps']}, hurts in {counts['hurts']}, cannot tell in "
            f"{counts['cannot tell']} of {len(own)} pairs of optimizer and depth"
        )
        claims.append(Claim(text, held, numbers))
    return claims


def is_beyond_chance(count: int, pairs: int) -> bool:
    """Return whether so many verdicts of one kind among pairs come by chance in 5 % or fewer cases.

    Example:
        >>> is_beyond_chance(1, 8), is_beyond_chance(2, 8)
        (False, True)
    """
    return bool(binom.sf(count - 1, pairs, 0.025) <= 0.05)
