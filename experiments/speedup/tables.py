"""The tables that `experiments.speedup` prints: speed-ups by target, and verdicts by optimizer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.speedup.ratios import MAIN_TARGET, estimate_of, in_time, with_labels

IN_TIME = f"in time to {MAIN_TARGET}"
# Columns of the table of speed-ups: price of a step, speed-up in time, and the verdict by steps.
PRICED = ["price", IN_TIME, "verdict"]


def ratio_table(ratios: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each loss and variant beyond depth 1.

    Args:
        ratios: What `ratios_of` returned.

    Returns:
        Columns loss, variant, a speed-up for each target, `lost at` the last target (how many runs
        diverged + did not reach it), and the columns `PRICED`.
    """
    deeper = ratios[ratios["depth"] > 1]
    groups = deeper.groupby(["p", "variant"], sort=False)
    rows = [{"loss": f"L{p}", "variant": variant, **_cells(rows)} for (p, variant), rows in groups]
    return pd.DataFrame(rows)


def _cells(rows: pd.DataFrame) -> dict[str, str]:
    """Return the cells of a variant, from its rows of one loss."""
    cells = {f"to {row['target']}": estimate_of(row).text() for _, row in rows.iterrows()}
    last, main = rows.iloc[-1], rows[rows["target"] == MAIN_TARGET].iloc[0]
    cells[f"lost at {last['target']}"] = f"{last['diverged']}+{last['never']} of {last['runs']}"
    if np.isnan(main["price"]):
        cells |= {"price": "", IN_TIME: ""}
    else:
        spread = f"[{main['price_least']:.2f}, {main['price_most']:.2f}]"
        timed = estimate_of(main).in_time(main["price"])
        cells |= {"price": f"{main['price']:.2f} {spread}", IN_TIME: timed.text()}
    cells["verdict"] = {True: "helps", False: "hurts", None: "cannot tell"}[main["helps"]]
    return cells


def verdict_table(ratios: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each loss and optimizer, with the verdicts on its depths in every cell.

    `+N`: depth N helps; `-N`: it hurts; `?N`: the run cannot tell. Fractional depths, and those
    with an r, are those of the end-to-end rule.

    Args:
        ratios: What `ratios_of` returned.

    Returns:
        Columns loss, optimizer, one for each target in steps, and one for the main target in time.
    """
    deeper = ratios[ratios["depth"] > 1]
    timed = in_time(deeper[deeper["target"] == MAIN_TARGET])
    table = []
    for (p, group), rows in deeper.groupby(["p", "group"], sort=False):
        row = {"loss": f"L{p}", "optimizer": group}
        for target, target_rows in rows.groupby("target", sort=False):
            row[f"to {target}"] = _signs(target_rows)
        row[IN_TIME] = _signs(timed[(timed["p"] == p) & (timed["group"] == group)])
        table.append(row)
    return pd.DataFrame(table)


def _signs(rows: pd.DataFrame) -> str:
    signs = {True: "+", False: "-", None: "?"}
    by_depth = with_labels(rows).itertuples()
    return " ".join(f"{signs[row.helps]}{row.label}" for row in by_depth)
