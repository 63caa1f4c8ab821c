"""What TensorBoard shows of `experiments.speedup`: each variant at its best rate, and the speed-up by depth."""

from __future__ import annotations

import numpy as np
import pandas as pd

from overparam_tf.runlog import TensorBoardLog
from overparam_tf.runlog.tensorboard import folder_name
from overparam_tf.sweep import History

HPARAMS = (
    "variant",
    "p",
    "depth",
    "learning_rate",
    "optimizer",
    "update",
    "seed",
    "data",
    "diverged",
)


class SpeedupLog:
    """Writes TensorBoard's files of a run, part by part.

    Args:
        log: where to; emptied at first.
        label: the data's label.
        shares: names of the targets.
    """

    def __init__(self, log: TensorBoardLog, label: str, shares: list[str]):
        self._log, self._label = log, label
        self._targets = {f"steps_to_{share}": f"steps to {share}" for share in shares}
        self._charts: dict[str, None] = {}
        log.clear()
        log.declare(HPARAMS, {"final_loss": "final loss", **self._targets})

    def fine(self, history: History, p: int, optimizer: str) -> None:
        """A trial and a line for each variant of a fine grid, at its best rate: thousands of runs would hide it."""
        chart = f"best rates/L{p}, {optimizer}"
        for name in history.variants:
            best, curve = history.best(name), history.best_curve(name)
            if best is None:
                continue
            runs = history.runs[history.runs["variant"] == name]
            lost = f"{(runs['status'] == 'diverged').sum()} of {len(runs)}"
            hparams = {
                "p": p,
                "depth": float(best["depth"]),
                "learning_rate": float(best["learning_rate"]),
            }
            hparams |= {column: str(best[column]) for column in ("variant", "optimizer", "update")}
            hparams |= {"seed": int(best["seed"]), "data": self._label, "diverged": lost}
            outcome = {
                tag: float(best[tag])
                for tag in ("final_loss", *self._targets)
                if not pd.isna(best[tag])
            }
            self._log.trial(f"L{p}/{folder_name(name)}", hparams, outcome, curve)
            self._log.line(name, chart, curve)
            self._charts[chart] = None

    def ratios(self, ratios: pd.DataFrame) -> None:
        """Lines by depth (TensorBoard's `step`), one an optimizer, a chart for each loss and target; and the layout."""
        whole = ratios[(ratios["depth"] % 1 == 0) & np.isfinite(ratios["ratio"])]
        for (p, target, group), rows in whole.groupby(["p", "target", "group"], sort=False):
            chart = f"by depth/speed-up to {target}, L{p}"
            self._log.line(f"{group} by depth", chart, (rows["depth"].astype(int), rows["ratio"]))
            self._charts[chart] = None
        groups: dict[str, dict[str, list[str]]] = {}
        for chart in self._charts:
            group, _, title = chart.partition("/")
            groups.setdefault(f"speedup, {self._label}: {group}", {})[title] = [f"^{chart}$"]
        self._log.layout(groups)
