"""The TensorBoard view: a run for each depth, with its losses while it trains and its speed-ups."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from experiments.harness.tensorboard import Board, Line, Trial, layout_of
from experiments.nonlinear.config import Config
from overparam_tf.runlog import LiveCurves, RunFolder, TensorBoardLog
from overparam_tf.runlog.tensorboard import categories_of


def title_of(label: str) -> str:
    """Return the beginning of the names of Custom Scalars' categories, from the label of data."""
    return f"nonlinear, {label}"


def chart_prefix(net: str, form: str) -> str:
    """Return the beginning of the tags of a net under a penalty while it trains.

    Example:
        >>> chart_prefix("mlp", "none") + "SGD"
        'training mlp/none, SGD'
    """
    return f"training {net}/{form}, "


@contextlib.contextmanager
def live_curves(folder: RunFolder, label: str, options: Config) -> Iterator[LiveCurves]:
    """Open a block in which the losses of all runs are written while they train.

    Args:
        folder: The run folder.
        label: The label of the data.
        options: The options.
    """
    log = TensorBoardLog(folder.path)
    log.clear()
    with LiveCurves(log, [f"depth {depth}" for depth in sorted(options.depths)]) as curves:
        curves.flush()
        charts = [
            f"{chart_prefix(net, form)}{optimizer}"
            for net in options.nets
            for form in options.forms
            for optimizer in options.optimizers
        ]
        log.dashboard([], [], categories_of(layout_of(title_of(label), charts)))
        yield curves


def board_of(label: str, verdicts: pd.DataFrame, curves: Mapping[str, np.ndarray]) -> Board:
    """Return what TensorBoard shows at the end: median losses at the best rates, and speed-ups.

    Args:
        label: The label of the data.
        verdicts: The table verdicts.csv.
        curves: The arrays of curves.npz.
    """
    metrics, trials = {}, []
    if len(verdicts):
        exact = verdicts[
            (verdicts["depth"] > 1) & verdicts["is_main"] & (verdicts["bound"] == "exact")
        ]
        for depth, rows in exact.groupby("depth"):
            outcome = {_metric(row): row.ratio for row in rows.itertuples()}
            metrics |= {name: name for name in outcome}
            hparams = {"depth": int(depth), "data": label}
            trials.append(Trial(f"depth {depth}", hparams, outcome))
    return Board(title_of(label), metrics, trials, list(_lines(curves)))


def _metric(row: object) -> str:
    return f"speed-up, {row.net}, {row.penalty}, {row.optimizer}"


def _lines(curves: Mapping[str, np.ndarray]) -> Iterator[Line]:
    for key, losses in curves.items():
        net, *rest = key.split("/")
        if len(rest) == 3 and len(losses):
            form, optimizer, depth = rest
            chart = f"best rates, {net}/{form}, {optimizer}"
            yield Line(f"depth {depth}", chart, (curves[f"{net}/steps"], np.median(losses, axis=0)))
