"""The TensorBoard view: each variant at its best rate, and the speed-up by depth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from experiments.harness.speed_up import Bound
from experiments.harness.tensorboard import Line, Trial
from overparam_tf.runlog.tensorboard import folder_name
from overparam_tf.sweep import History


def metrics(targets: Sequence[str]) -> dict[str, str]:
    """Return the titles of the metrics of HParams by tag, for targets of these names."""
    steps = {f"steps_to_{target}": f"steps to {target}" for target in targets}
    return {"final_loss": "final loss", **steps}


def best_trials(history: History, p: int, label: str, targets: Sequence[str]) -> Iterator[Trial]:
    """Yield a trial for each variant of a fine grid, at its best rate.

    A trial for every run would hide them among thousands.

    Args:
        history: The history of the grid.
        p: The exponent of its loss.
        label: The label of the data.
        targets: Names of the targets.
    """
    for name in history.variants:
        best = history.best(name)
        if best is None:
            continue
        reached = {tag: float(best[tag]) for tag in metrics(targets) if not pd.isna(best[tag])}
        hparams = _hyperparameters(history, best, p, label)
        yield Trial(f"L{p}/{folder_name(name)}", hparams, reached, history.best_curve(name))


def _hyperparameters(history: History, best: pd.Series, p: int, label: str) -> dict[str, Any]:
    runs = history.runs[history.runs["variant"] == best["variant"]]
    return {
        "variant": best["variant"],
        "p": p,
        "depth": float(best["depth"]),
        "learning_rate": float(best["learning_rate"]),
        "optimizer": str(best["optimizer"]),
        "update": str(best["update"]),
        "seed": int(best["seed"]),
        "data": label,
        "diverged": f"{(runs['status'] == 'diverged').sum()} of {len(runs)}",
    }


def best_lines(history: History, p: int, optimizer: str) -> Iterator[Line]:
    """Yield the loss of each variant of a fine grid at its best rate."""
    for name in history.variants:
        curve = history.best_curve(name)
        if curve is not None:
            yield Line(name, f"best rates/L{p}, {optimizer}", curve)


def ratio_lines(ratios: pd.DataFrame) -> Iterator[Line]:
    """Yield lines by depth, TensorBoard's `step`: one per optimizer, a chart per loss and target.

    Where only one of two depths reached the target, the line goes through the bound.
    """
    # Steps are whole numbers: no fractional depths.
    drawable = ratios[(ratios["depth"] % 1 == 0) & (ratios["bound"] != Bound.UNKNOWN.value)]
    for (p, target, group), rows in drawable.groupby(["p", "target", "group"], sort=False):
        curve = rows["depth"].astype(int), rows["ratio"]
        yield Line(f"{group} by depth", f"by depth/speed-up to {target}, L{p}", curve)
