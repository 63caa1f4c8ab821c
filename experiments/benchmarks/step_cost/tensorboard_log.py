"""What TensorBoard shows of `step_cost`: a trial for each measurement, and how a step scales."""

from __future__ import annotations

import pandas as pd

from experiments.harness.tensorboard import Board, Line, Trial
from overparam_tf.runlog.tensorboard import folder_name

HPARAMS = ("contestant", "kind", "optimizer", "depth", "p", "runs")
METRICS = {"ms": "ms per step and run", "loss": "loss after the compared steps"}
# Chart by column of scaling.csv; the horizontal axis, TensorBoard's `step`, is the size.
CHARTS = {"ms": "by size/ms a step", "peak_bytes": "by size/peak bytes"}


def board_of(results: pd.DataFrame | None, scaling: pd.DataFrame | None) -> Board:
    """Return contestants for HParams, cost against size for Custom Scalars.

    Args:
        results: The content of results.csv; None if the contest was not measured.
        scaling: The content of scaling.csv; None if it was not measured.
    """
    trials = [] if results is None else _trials(results)
    lines = [] if scaling is None else _lines(scaling)
    return Board("step_cost", METRICS, trials, lines)


def _trials(results: pd.DataFrame) -> list[Trial]:
    trials = []
    for row in results.dropna(subset="ms").to_dict("records"):
        run = f"{folder_name(row['contestant'])}/{row['optimizer']}, depth {row['depth']}"
        hparams = {name: row[name] for name in HPARAMS}
        trials.append(Trial(run, hparams, {tag: row[tag] for tag in METRICS}))
    return trials


def _lines(scaling: pd.DataFrame) -> list[Line]:
    lines = []
    for axis, points in scaling.groupby("axis", sort=False):
        for column, chart in CHARTS.items():
            known = points.dropna(subset=column)
            lines.append(Line(axis, chart, (known["size"], known[column])))
    return lines
