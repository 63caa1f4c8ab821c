"""The TensorBoard view: a run for each method, with its loss and its stability."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from experiments.harness.tensorboard import Board, Line, Trial

METRICS = {"final_loss": "final loss", "excess_loss": "excess loss"}
CHARTS = {"effective rate": "effective_rate", "norm of K": "norm"}


def board(
    label: str, results: pd.DataFrame, trace: pd.DataFrame, curves: Mapping[str, np.ndarray]
) -> Board:
    """Return the view of a run.

    Args:
        label: The label of the data.
        results: The table results.csv.
        trace: The table trace.csv.
        curves: The arrays of curves.npz.
    """
    lines = itertools.chain(_lines(trace), _losses(results, curves))
    return Board(f"late_divergence, {label}", METRICS, _trials(label, results), lines)


def _trials(label: str, results: pd.DataFrame) -> Iterator[Trial]:
    for row in results.to_dict("records"):
        method = row["method"]
        yield Trial(
            method,
            {"method": method, "depth": row["depth"], "status": row["status"], "data": label},
            {tag: row[tag] for tag in METRICS},
            int(row["steps"]),
            failed=row["status"] == "diverged",
        )


def _lines(trace: pd.DataFrame) -> Iterator[Line]:
    """Yield what was measured along each run, all methods in one chart."""
    for method, rows in trace.groupby("method"):
        quotient = rows["sharpness"] / rows["threshold"]
        # Unstable above 1. The chart's name has no slash: what stands before one is a category.
        yield Line(method, "half of rate x sharpness", (rows["step"], quotient))
        for chart, column in CHARTS.items():
            yield Line(method, chart, (rows["step"], rows[column]))


def _losses(results: pd.DataFrame, curves: Mapping[str, np.ndarray]) -> Iterator[Line]:
    for method in results["method"]:
        yield Line(method, "loss", (curves[f"{method}/steps"], curves[f"{method}/losses"]))
