"""What TensorBoard shows of `step_cost`: how a step scales, a line for each size that varies."""

from __future__ import annotations

import pandas as pd

from experiments.harness.tensorboard import Board, Line

# Chart by column of scaling.csv; the horizontal axis, TensorBoard's `step`, is the size.
CHARTS = {"ms": "by size/ms a step", "peak_bytes": "by size/peak bytes"}


def board_of(scaling: pd.DataFrame | None) -> Board:
    """Return cost against size for Custom Scalars.

    The contestants are in results.csv; `experiments.board` makes a row of HParams of each.

    Args:
        scaling: The content of scaling.csv; None if it was not measured.
    """
    return Board("step_cost", lines=[] if scaling is None else _lines(scaling))


def _lines(scaling: pd.DataFrame) -> list[Line]:
    lines = []
    for axis, points in scaling.groupby("axis", sort=False):
        for column, chart in CHARTS.items():
            known = points.dropna(subset=column)
            lines.append(Line(axis, chart, (known["size"], known[column])))
    return lines
