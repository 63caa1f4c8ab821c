"""The tables of `step_cost`: what was measured, a row for each thing measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from experiments.benchmarks.step_cost.contest import Measurement
from experiments.benchmarks.step_cost.contestants import THIRTY
from experiments.benchmarks.step_cost.scaling import fit_exponent
from experiments.benchmarks.step_cost.status import is_measured

KEY = ["contestant", "optimizer", "depth"]
THREADS = "threads"


def results_of(
    measurements: Sequence[Measurement], rounds: Sequence[dict[str, Any]]
) -> pd.DataFrame:
    """Return the content of results.csv, a row for each contestant in each setting.

    It is that of the number of threads with the best burst.

    Args:
        measurements: What was measured.
        rounds: A row for each burst.

    Returns:
        What identifies each, its status, seconds of preparation, losses, and the median, least and
        largest milliseconds of a run-step.
    """
    bursts = pd.DataFrame(rounds, columns=[*KEY, THREADS, "ms", "processor_ms"])
    costs = bursts.groupby([*KEY, THREADS]).agg(
        ms=("ms", "median"),
        ms_min=("ms", "min"),
        ms_max=("ms", "max"),
        processor_ms=("processor_ms", "median"),
    )
    rows = [
        {
            **measurement.row(),
            "status": str(measurement.status),
            "prepare_seconds": measurement.preparation.get("seconds"),
            "start_loss": measurement.preparation.get("start_loss"),
            "loss": measurement.preparation.get("loss"),
        }
        for measurement in measurements
    ]
    table = pd.DataFrame(rows).merge(costs.reset_index(), on=[*KEY, THREADS], how="left")
    fastest_first = table.sort_values("ms_min", kind="stable", na_position="last")
    return fastest_first.drop_duplicates(KEY).sort_index().reset_index(drop=True)


def contest_table(results: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each contestant in gradient descent at depth 1.

    Args:
        results: The content of results.csv.

    Returns:
        Cost and its spread, processor time, cost over that of our thirty runs, and loss.
    """
    rows = results[(results["optimizer"] == "sgd") & (results["depth"] == 1)]
    (ours,) = rows.loc[rows["contestant"] == THIRTY, "ms"]
    return pd.DataFrame(
        {
            "contestant": rows["contestant"],
            "median": rows["ms"],
            "least": rows["ms_min"],
            "most": rows["ms_max"],
            "processor": rows["processor_ms"],
            f"/ {THIRTY}": rows["ms"] / ours,
            "loss": rows["loss"],
        }
    )


def not_measured(results: pd.DataFrame) -> list[str]:
    """Return a line for each reason why something was not measured, with the contestants."""
    failures = results[~is_measured(results)].groupby("status", sort=False)["contestant"]
    return [f"{status}: {', '.join(names.unique())}" for status, names in failures]


def settings_table(results: pd.DataFrame) -> pd.DataFrame:
    """Return medians: a row for each contestant measured in every setting, a column a setting."""
    setting = results["optimizer"] + " " + results["depth"].astype(str)
    named = results.assign(setting=setting)
    table = named.pivot(index="contestant", columns="setting", values="ms")
    table = table.loc[named["contestant"].unique(), named["setting"].unique()]
    # Three digits, or eight settings would not fit beside the names.
    return table.dropna().map("{:.3g}".format).reset_index()


def exponents(scaling: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each axis: the exponents of time and memory, and the largest size measured.

    Args:
        scaling: The content of scaling.csv.
    """
    rows = []
    for axis, points in scaling.groupby("axis", sort=False):
        measured = points[is_measured(points)]
        largest = measured.loc[measured["size"].idxmax()] if len(measured) else None
        rows.append(
            {
                "size varied": axis,
                "measured": f"{len(measured)} of {len(points)}",
                "time ~ size^": fit_exponent(measured["size"], measured["ms"]),
                "memory ~ size^": fit_exponent(measured["size"], measured["growth_bytes"]),
                "largest": None if largest is None else largest["size"],
                "ms a step": None if largest is None else largest["ms"],
                "peak MB": None if largest is None else largest["peak_bytes"] / 1e6,
            }
        )
    return pd.DataFrame(rows)
