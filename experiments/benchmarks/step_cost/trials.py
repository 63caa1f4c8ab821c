"""What TensorBoard shows of `experiments.step_cost`: a trial for each thing timed, and how a step scales."""

from __future__ import annotations

import pandas as pd

from overparam_tf.runlog import RunFolder, TensorBoardLog
from overparam_tf.runlog.tensorboard import folder_name

HPARAMS = ("contestant", "kind", "optimizer", "depth", "p", "runs")
METRICS = {"ms": "ms per step and run", "loss": "loss after the compared steps"}
# Column of scaling.csv -> chart; the horizontal axis, TensorBoard's `step`, is the size.
CHARTS = {"ms": "by size/ms a step", "peak_bytes": "by size/peak bytes"}


def write_trials(
    folder: RunFolder, results: pd.DataFrame | None, scaling: pd.DataFrame | None
) -> None:
    """Contestants in HParams, cost against size in Custom Scalars.

    Args:
        folder: the run folder.
        results: the contest, None where it was not measured.
        scaling: a row for each axis and size, None where it was not measured.
    """
    log = TensorBoardLog(folder.tensorboard)
    log.clear()
    if results is not None:
        log.declare(HPARAMS, METRICS)
        for row in results.dropna(subset="ms").to_dict("records"):
            outcome = {tag: row[tag] for tag in METRICS}
            run = f"{folder_name(row['contestant'])}/{row['optimizer']}, depth {row['depth']}"
            log.trial(run, {name: row[name] for name in HPARAMS}, outcome, ((), ()))
    if scaling is not None:
        for axis, rows in scaling.groupby("axis", sort=False):
            for column, chart in CHARTS.items():
                known = rows.dropna(subset=column)
                log.line(axis, chart, (known["size"], known[column]))
        log.layout(
            {"step_cost: how a step scales": {chart: [f"^{chart}$"] for chart in CHARTS.values()}}
        )
