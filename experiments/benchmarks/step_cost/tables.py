"""The tables of `experiments.step_cost`: what was measured, in one row for each thing measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from experiments.benchmarks.step_cost.contestants import THIRTY, Cell
from experiments.benchmarks.step_cost.scaling import fit_exponent


def results_of(cells: Sequence[Cell], rounds: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """A row a cell: median, least and largest cost of a run-step in ms, the losses, and the status."""
    bursts = pd.DataFrame(
        rounds, columns=["contestant", "optimizer", "depth", "ms", "processor_ms"]
    )
    costs = bursts.groupby(["contestant", "optimizer", "depth"]).agg(
        ms=("ms", "median"),
        ms_min=("ms", "min"),
        ms_max=("ms", "max"),
        processor_ms=("processor_ms", "median"),
    )
    rows = [
        {
            **cell.row(),
            "status": cell.status,
            "prepare_seconds": cell.facts.get("seconds"),
            "start_loss": cell.facts.get("start_loss"),
            "loss": cell.facts.get("loss"),
        }
        for cell in cells
    ]
    return pd.DataFrame(rows).merge(
        costs.reset_index(), on=["contestant", "optimizer", "depth"], how="left"
    )


def contest_table(results: pd.DataFrame) -> pd.DataFrame:
    """A row a contestant in gradient descent at depth 1: cost, spread, cost over that of our thirty runs, and loss."""
    cells = results[(results["optimizer"] == "sgd") & (results["depth"] == 1)]
    ours = cells.loc[cells["contestant"] == THIRTY, "ms"].iloc[0]
    return pd.DataFrame(
        {
            "contestant": cells["contestant"],
            "median": cells["ms"],
            "least": cells["ms_min"],
            "most": cells["ms_max"],
            "processor": cells["processor_ms"],
            f"/ {THIRTY}": cells["ms"] / ours,
            "loss": cells["loss"],
        }
    )


def not_measured(results: pd.DataFrame) -> list[str]:
    """A line for each reason why something was not measured, with the contestants that it stopped."""
    stopped = results[results["status"] != "measured"].groupby("status", sort=False)["contestant"]
    return [f"{status}: {', '.join(names.unique())}" for status, names in stopped]


def settings_table(results: pd.DataFrame) -> pd.DataFrame:
    """Medians: a row a contestant that is measured in every setting, a column an optimizer and depth."""
    named = results.assign(setting=results["optimizer"] + " " + results["depth"].astype(str))
    settings, names = named["setting"].unique(), named["contestant"].unique()
    table = named.pivot(index="contestant", columns="setting", values="ms").loc[names, settings]
    # Three digits, or eight settings would not fit beside the names.
    return table[table.notna().all(axis=1)].map("{:.3g}".format).reset_index()


def exponents(scaling: pd.DataFrame) -> pd.DataFrame:
    """A row an axis: the exponents of time and of memory, the sizes they were fitted on, and the largest cell."""
    rows = []
    for axis, cells in scaling.groupby("axis", sort=False):
        measured = cells[cells["status"] == "measured"]
        largest = measured.loc[measured["size"].idxmax()] if len(measured) else None
        rows.append(
            {
                "size varied": axis,
                "measured": f"{len(measured)} of {len(cells)}",
                "time ~ size^": fit_exponent(measured["size"], measured["ms"]),
                "memory ~ size^": fit_exponent(measured["size"], measured["growth_bytes"]),
                "largest": None if largest is None else largest["size"],
                "ms a step": None if largest is None else largest["ms"],
                "peak MB": None if largest is None else largest["peak_bytes"] / 1e6,
            }
        )
    return pd.DataFrame(rows)
