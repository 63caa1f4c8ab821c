"""The table of steps of `experiments.plateau`, and the claims with their verdicts."""

from __future__ import annotations

import pandas as pd

from experiments.harness.results import Claim
from experiments.harness.speed_up import Bound, SpeedUp
from experiments.plateau.searches import FINEST, GRID, STABLE, Search


def steps_table(results: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Return a row for each p and ratio, and two columns for each depth.

    They are the steps over the grid of rates, and (*) over the rates at which the loss never rises.

    Args:
        results: What `with_speed_ups` returned.
        limit: The most steps taken.
    """
    plain = results[results["depth"] == 1]
    columns = {"p": plain["p"].to_list(), "y1/y2": plain["ratio"].to_list()}
    for mark, search in (("", GRID), (" *", STABLE)):
        for depth, cells in results.groupby("depth"):
            columns[f"depth {depth}{mark}"] = [
                f">{limit:,}" if pd.isna(steps) else f"{steps:,.0f}"
                for steps in cells[search.steps]
            ]
    return pd.DataFrame(columns)


def claims_of(results: pd.DataFrame) -> list[Claim]:
    """Return what the paper says of such problems, and what this experiment finds to be its limits.

    Args:
        results: What `with_speed_ups` returned.
    """
    deeper = results[results["depth"] > 1]
    equal = deeper[deeper["ratio"] == 1]
    text = "equal labels: depth takes no fewer steps"
    claims = [_claim(text, equal, GRID, equal[GRID.speed_up] <= 1, "p={p}")]
    for p, cells in deeper[deeper["ratio"] > 1].groupby("p"):
        if p == 2:
            no_faster = cells[GRID.speed_up] <= 1
            claims.append(_claim("L2: depth takes no fewer steps", cells, GRID, no_faster))
        else:
            claims += _claims_of_unequal_labels(p, cells)
    return claims


def _claims_of_unequal_labels(p: int, cells: pd.DataFrame) -> list[Claim]:
    faster = f"L{p}, unequal labels: depth takes fewer steps"
    stable = f"L{p}, so too among the rates up to which the loss never rises"
    growing = f"L{p}, the gain grows from the least to the most unequal labels (finer grid)"
    exact = cells[cells[FINEST.bound] == Bound.EXACT]
    exact = exact[exact.groupby("depth")["ratio"].transform("count") > 1]
    gains = exact.groupby("depth")[FINEST.speed_up]
    return [
        _claim(faster, cells, GRID, cells[GRID.speed_up] > 1),
        _claim(stable, cells, STABLE, cells[STABLE.speed_up] > 1),
        _claim(growing, exact, FINEST, gains.transform("last") > gains.transform("first")),
    ]


def _claim(
    text: str, cells: pd.DataFrame, search: Search, holds: pd.Series, label: str = "{ratio}"
) -> Claim:
    """Return the claim that `holds` is true of all cells with a known speed-up.

    Args:
        text: The claim.
        cells: Rows of the results.
        search: The search whose speed-ups are the claim's numbers.
        holds: Whether the claim holds, for each cell.
        label: What stands before a cell's number, with its columns as fields.
    """
    known = cells[cells[search.bound] != Bound.UNKNOWN]
    if known.empty:
        return Claim(text, None, "nothing reached")
    numbers = []
    for depth, rows in known.groupby("depth"):
        gains = []
        for row in rows.to_dict("records"):
            gain = SpeedUp(row[search.speed_up], Bound(row[search.bound]))
            gains.append(f"{label.format(**row)}: {gain.text(unit='x')}")
        numbers.append(f"depth {depth}, {', '.join(gains)}")
    return Claim(text, bool(holds[known.index].all()), "; ".join(numbers))
