"""What the cells of `experiments.when_depth_helps` say: the table, and the claims with their verdicts."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from experiments.harness.results import Claim
from experiments.when_depth_helps.cells import CELL, FEW


def speed_up_table(cells: pd.DataFrame, limit: int) -> pd.DataFrame:
    """A row per target, p and condition number over all tails and alignments, and one per target and p of the data."""
    rows = []
    for (problem, target, p, condition), group in cells.groupby(
        ["problem", "target", "p", "condition"]
    ):
        known = group[group["bound"] == ""]["speed_up"]
        rows.append(
            {
                "problem": problem,
                "target": target,
                "p": p,
                "condition": f"{condition:.0e}",
                "speed-up": f"{known.median():.3g} ({known.min():.2g}-{known.max():.2g})"
                if len(known)
                else "-",
                "cells": len(group),
                "at least / most": f"{(group['bound'] == '>').sum()} / {(group['bound'] == '<').sum()}",
                f"neither in {limit:,}": int((group["bound"] == "?").sum()),
            }
        )
    return pd.DataFrame(rows)


def ceiling(target: float, p: int) -> float:
    """About the most that a better rate can gain: target^-((p-2)/p).

    Above a negligible floor the errors fall by target^(1/p), and curvature, (p-1) times their power p - 2, with them. A
    fixed rate has to suit the start's; one that grew along would gain no more than their quotient.
    """
    return target ** -((p - 2) / p)


def claims_of(results: pd.DataFrame, cells: pd.DataFrame) -> list[Claim]:
    """What the paper leads one to expect, what decides, and how far the diagram can be trusted."""
    claims = []
    generated = cells[(cells["problem"] == "generated") & (cells["bound"] != "?")]
    worthwhile = generated[generated["steps_1"].fillna(np.inf) >= FEW]
    for p, group in worthwhile.groupby("p"):
        helps = group["speed_up"] > 1
        text = "no fewer steps" if p == 2 else "fewer steps wherever that is worth while"
        numbers = f"fewer in {helps.sum()} of {len(group)} cells of {FEW} steps or more, median x"
        held = not helps.any() if p == 2 else bool(helps.all())
        claims.append(
            Claim(f"L{p}: depth 2 takes {text}", held, f"{numbers}{group['speed_up'].median():.3g}")
        )
    trends = (
        ("a larger condition number", "condition", 1),
        ("a heavier tail", "kurtosis", 1),
        ("less alignment", "alignment", -1),
    )
    for (text, axis, sign), p in itertools.product(trends, sorted(set(generated["p"]) - {2})):
        claims.append(
            _trend(
                f"L{p}: {text} makes the speed-up larger",
                generated[generated["p"] == p],
                axis,
                sign,
            )
        )
    for p, group in worthwhile[worthwhile["p"] > 2].groupby("p"):
        limits = {target: ceiling(target, p) for target in sorted(group["target"].unique())}
        above = group["speed_up"] > group["target"].map(limits)
        numbers = [
            f"target {target:g}: largest {group.loc[group['target'] == target, 'speed_up'].max():.3g} of {limit:.3g}"
            for target, limit in limits.items()
        ]
        text = f"L{p}: no speed-up is above what the curvature loses on the way, target^-(p-2)/p"
        claims.append(Claim(text, not above.any(), ", ".join(numbers)))
    for data in cells[(cells["problem"] != "generated") & (cells["bound"] != "?")].to_dict(
        "records"
    ):
        claims.append(_like_generated(data, generated[generated["p"] == data["p"]]))
    edges = results[["at_edge_1", "at_edge_2"]].to_numpy(bool)
    return [
        *claims,
        Claim("no best rate lies at an edge of its grid", not edges.any(), f"{edges.sum()} do"),
    ]


def _like_generated(data: dict, generated: pd.DataFrame) -> Claim:
    """The claim that the three numbers of the diagram tell a measured problem's speed-up, within a factor of 1.5."""
    text = f"L{data['p']}: {data['problem']} has the speed-up of the generated cell nearest to it, within a half"
    near = generated[generated["target"] == data["target"]]
    if near.empty:
        return Claim(text, None, "no such cell")
    distance = sum(
        (np.log(near[axis] / data[axis]) / np.log(near[axis].max() / near[axis].min() + 1)) ** 2
        for axis in ("condition", "kurtosis", "alignment")
    )
    cell = near.loc[distance.idxmin()]
    quotient = data["speed_up"] / cell["speed_up"]
    numbers = [
        f"{row['speed_up']:.3g} ({row['steps_1']:,.0f} steps at depth 1)" for row in (data, cell)
    ]
    return Claim(
        text, bool(1 / 1.5 < quotient < 1.5), f"measured {numbers[0]}, generated {numbers[1]}"
    )


def _trend(text: str, cells: pd.DataFrame, axis: str, sign: int) -> Claim:
    """The claim that the speed-up rises along `axis` (falls, if `sign` is -1), all else equal."""
    others = [name for name in CELL if name != axis]
    rises = falls = 0
    for _, line in cells[cells["bound"] == ""].sort_values(axis).groupby(others):
        line = line[line["steps_1"] >= FEW]
        change = sign * np.diff(np.log(line["speed_up"]))
        rises, falls = rises + int((change > 0).sum()), falls + int((change < 0).sum())
    numbers = f"in {rises} of {rises + falls} pairs of neighbouring cells"
    return Claim(
        text, rises > 2 * falls if rises + falls else None, f"{numbers} (held: two thirds)"
    )
