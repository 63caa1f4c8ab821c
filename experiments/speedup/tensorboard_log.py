"""The TensorBoard view: a run for each depth, each variant at its best rate, and the speed-ups."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from experiments.harness.speed_up import Bound
from experiments.harness.tensorboard import Line, Trial, layout_of
from experiments.speedup.ratios import MAIN_TARGET
from overparam_tf.runlog import LiveCurves, RunFolder, TensorBoardLog
from overparam_tf.runlog.tensorboard import categories_of
from overparam_tf.sweep import History, TrainingStatus, Variant

Follow = Callable[[np.ndarray, np.ndarray], object]


def title_of(label: str) -> str:
    """Return the beginning of the names of Custom Scalars' categories, from the label of data."""
    return f"speedup, {label}"


def run_of(variant: str, optimizer: str) -> str:
    """Return the TensorBoard run of a variant, which all optimizers share.

    Example:
        >>> run_of("Adam, depth 2", "Adam"), run_of("rule, depth 1.5", "SGD")
        ('depth 2', 'rule, depth 1.5')
    """
    return variant.removeprefix(f"{optimizer}, ")


def chart_of(p: int, optimizer: str, grid: str = "fine") -> str:
    """Return the tag of the losses of one optimizer at the best rates of a grid."""
    category = "best rates" if grid == "fine" else f"best rates of the {grid} grid"
    return f"{category}/L{p}, {optimizer}"


@contextlib.contextmanager
def live_curves(
    folder: RunFolder, label: str, runs: Sequence[str], charts: Sequence[str]
) -> Iterator[LiveCurves]:
    """Open a block in which the curves are written while the sweeps train.

    Args:
        folder: The run folder.
        label: The label of the data.
        runs: The TensorBoard runs.
        charts: The tags that Custom Scalars shows.
    """
    log = TensorBoardLog(folder.path)
    log.clear()
    with LiveCurves(log, runs) as curves:
        curves.flush()
        log.dashboard([], [], categories_of(layout_of(title_of(label), charts)))
        yield curves


def follower(curves: LiveCurves, chart: str, optimizer: str, variants: Sequence[Variant]) -> Follow:
    """Return what writes new points of each variant at its best rate so far."""

    def follow(steps: np.ndarray, losses: np.ndarray) -> None:
        ends = np.cumsum([len(variant.runs) for variant in variants])[:-1]
        for variant, values in zip(variants, np.split(losses, ends, axis=1), strict=True):
            best = np.fmin.reduce(values, axis=1)
            curves.add(run_of(variant.name, optimizer), chart, steps, best)
        curves.flush()

    return follow


def best_lines(history: History, p: int, optimizer: str) -> Iterator[Line]:
    """Yield the loss of each variant of a fine grid at its best rate.

    That is the rate of the run that reached the last target first, or else of the lowest last loss.
    """
    for name in history.variants:
        best = _best(history, name)
        if best is not None:
            curve = history.curve(name, best["learning_rate"], best["seed"])
            yield Line(run_of(name, optimizer), chart_of(p, optimizer), curve)


def _best(history: History, variant: str) -> pd.Series | None:
    runs = history.runs[history.runs["variant"] == variant]
    stopped = runs[runs["status"] == TrainingStatus.STOPPED.value]
    if stopped.empty:
        return history.best(variant)
    return stopped.loc[stopped["steps"].idxmin()]


def ratio_lines(ratios: pd.DataFrame) -> Iterator[Line]:
    """Yield the speed-up of each depth, a chart for each loss and optimizer.

    The horizontal axis, TensorBoard's `step`, is the share of the excess loss that is left, in per
    cent. Where only one of two depths reached the target, the line goes through the bound.
    """
    deeper = ratios[(ratios["depth"] > 1) & (ratios["bound"] != Bound.UNKNOWN.value)]
    for (p, optimizer, variant), rows in deeper.groupby(["p", "group", "variant"], sort=False):
        curve = rows["target"].str.rstrip("%").astype(int), rows["ratio"]
        yield Line(run_of(variant, optimizer), f"speed-up by % left/L{p}, {optimizer}", curve)


def metrics(ratios: pd.DataFrame) -> dict[str, str]:
    """Return the titles of HParams' metrics by tag: the speed-ups to the main target."""
    pairs = ratios[["p", "group"]].drop_duplicates().itertuples(index=False)
    return {f"speed-up, L{p}, {group}": f"to {MAIN_TARGET}, L{p}, {group}" for p, group in pairs}


def trials_of(ratios: pd.DataFrame, label: str) -> Iterator[Trial]:
    """Yield a row of HParams for each depth, with its speed-ups.

    Args:
        ratios: What `ratios_of` returned.
        label: The label of the data.
    """
    deeper = ratios[(ratios["depth"] > 1) & (ratios["target"] == MAIN_TARGET)]
    named = deeper.assign(
        run=[run_of(row.variant, row.group) for row in deeper.itertuples()],
        tag=[f"speed-up, L{row.p}, {row.group}" for row in deeper.itertuples()],
    )
    for run, rows in named.groupby("run", sort=False):
        kind, _, _ = run.partition(", ")
        updates = {"rule": "end_to_end", "behind the rule": "preconditioned"}
        update = updates.get(kind, "factors")
        hparams = {"depth": float(rows["depth"].iloc[0]), "update": update, "data": label}
        outcome = dict(zip(rows["tag"], rows["ratio"], strict=True))
        yield Trial(run, hparams, outcome)
