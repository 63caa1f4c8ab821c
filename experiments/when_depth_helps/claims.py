"""The table of speed-ups of `experiments.when_depth_helps`, and the claims with their verdicts."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd

from experiments.harness.results import Claim
from experiments.harness.speed_up import Bound
from experiments.when_depth_helps.cells import CELL, FEW

# Text, axis, and whether the speed-up is to rise (1) or to fall (-1) along it.
TRENDS = (
    ("a larger condition number", "condition", 1),
    ("a heavier tail", "kurtosis", 1),
    ("less alignment", "alignment", -1),
)


def speed_up_table(cells: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Return a row for each target, p and condition number, over all tails and alignments.

    The data have one for each target and p.

    Args:
        cells: What `cell_table` returned.
        limit: The most steps taken.
    """
    rows = []
    key_columns = ["problem", "target", "p", "condition"]
    for (problem, target, p, condition), group in cells.groupby(key_columns):
        counts = group["bound"].value_counts()
        exact = group.loc[group["bound"] == Bound.EXACT, "speed_up"]
        gain = f"{exact.median():.3g} ({exact.min():.2g}-{exact.max():.2g})"
        at_least, at_most = counts.get(Bound.AT_LEAST, 0), counts.get(Bound.AT_MOST, 0)
        rows.append(
            {
                "problem": problem,
                "target": target,
                "p": p,
                "condition": f"{condition:.0e}",
                "speed-up": gain if len(exact) else "-",
                "cells": len(group),
                "at least / most": f"{at_least} / {at_most}",
                f"neither in {limit:,}": int(counts.get(Bound.UNKNOWN, 0)),
            }
        )
    return pd.DataFrame(rows)


def ceiling(target: float, p: int) -> float:
    """Return about the most that a better rate can gain: target^-((p-2)/p).

    Above a negligible floor the errors fall by target^(1/p), and with them the curvature, which is
    p - 1 times their power p - 2. A fixed rate has to suit the curvature of the start; one that
    grew as it falls would gain no more than the quotient of the two.

    Example:
        >>> ceiling(0.1, 2), round(ceiling(0.0001, 4))
        (1.0, 100)
    """
    return target ** -((p - 2) / p)


def claims_of(results: pd.DataFrame, cells: pd.DataFrame) -> list[Claim]:
    """Return what the paper leads one to expect, what decides, and how reliable the diagram is.

    Args:
        results: What `with_speed_up` returned.
        cells: What `cell_table` returned.
    """
    known = cells[cells["bound"] != Bound.UNKNOWN]
    generated = known[known["problem"] == "generated"]
    measured = known[known["problem"] != "generated"]
    worthwhile = generated[generated["steps_1"].fillna(np.inf) >= FEW]
    claims = [_fewer_steps(p, group) for p, group in worthwhile.groupby("p")]
    powers = sorted(set(generated["p"]) - {2})
    for (words, axis, sign), p in itertools.product(TRENDS, powers):
        text = f"L{p}: {words} makes the speed-up larger"
        claims.append(_trend(text, generated[generated["p"] == p], axis, sign))
    claims += [_below_ceiling(p, group) for p, group in worthwhile.groupby("p") if p > 2]
    for row in measured.to_dict("records"):
        claims.append(_like_generated(row, generated[generated["p"] == row["p"]]))
    at_edge = results[["at_edge_1", "at_edge_2"]].to_numpy(bool)
    text = "no best rate lies at an edge of its grid"
    return [*claims, Claim(text, not at_edge.any(), f"{at_edge.sum()} do")]


def _fewer_steps(p: int, cells: pd.DataFrame) -> Claim:
    helps = cells["speed_up"] > 1
    text = "no fewer steps" if p == 2 else "fewer steps wherever that is worth while"
    held = not helps.any() if p == 2 else bool(helps.all())
    numbers = (
        f"fewer in {helps.sum()} of {len(cells)} cells of {FEW} steps or more, "
        f"median x{cells['speed_up'].median():.3g}"
    )
    return Claim(f"L{p}: depth 2 takes {text}", held, numbers)


def _below_ceiling(p: int, cells: pd.DataFrame) -> Claim:
    text = f"L{p}: no speed-up is above what the curvature loses on the way, target^-(p-2)/p"
    held, numbers = True, []
    for target, group in cells.groupby("target"):
        largest, limit = group["speed_up"].max(), ceiling(target, p)
        held &= bool(largest <= limit)
        numbers.append(f"target {target:g}: largest {largest:.3g} of {limit:.3g}")
    return Claim(text, held, ", ".join(numbers))


def _like_generated(measured: dict[str, Any], generated: pd.DataFrame) -> Claim:
    """Return the claim that three numbers determine a problem's speed-up, within a factor of 1.5.

    Args:
        measured: The cell of the measured problem.
        generated: Cells of generated problems under the same loss.
    """
    text = (
        f"L{measured['p']}: {measured['problem']} has the speed-up of the generated cell nearest "
        "to it, within a half"
    )
    cells = generated[generated["target"] == measured["target"]]
    if cells.empty:
        return Claim(text, None, "no such cell")
    squared_distance = sum(
        _relative_distance(cells[axis], measured[axis]) ** 2
        for axis in ("condition", "kurtosis", "alignment")
    )
    nearest = cells.loc[squared_distance.idxmin()]
    quotient = measured["speed_up"] / nearest["speed_up"]
    held = bool(1 / 1.5 < quotient < 1.5)
    return Claim(text, held, f"measured {_gain(measured)}, generated {_gain(nearest)}")


def _relative_distance(values: pd.Series, value: float) -> pd.Series:
    """Return the distances of values on a logarithmic axis, in units of its length."""
    return np.log(values / value) / np.log(values.max() / values.min() + 1)


def _gain(cell: dict[str, Any] | pd.Series) -> str:
    return f"{cell['speed_up']:.3g} ({cell['steps_1']:,.0f} steps at depth 1)"


def _trend(text: str, cells: pd.DataFrame, axis: str, sign: int) -> Claim:
    """Return the claim that the speed-up rises along an axis, all else equal.

    Args:
        text: The claim.
        cells: Cells of generated problems under one loss.
        axis: The column of the axis.
        sign: 1; or -1 for the claim that it falls.
    """
    other_columns = [name for name in CELL if name != axis]
    rises = falls = 0
    exact = cells[cells["bound"] == Bound.EXACT].sort_values(axis)
    for _, line in exact.groupby(other_columns):
        worthwhile = line[line["steps_1"] >= FEW]
        changes = sign * np.diff(np.log(worthwhile["speed_up"]))
        rises += int((changes > 0).sum())
        falls += int((changes < 0).sum())
    held = rises > 2 * falls if rises + falls else None
    numbers = f"in {rises} of {rises + falls} pairs of neighbouring cells (held: two thirds)"
    return Claim(text, held, numbers)
