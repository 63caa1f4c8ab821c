"""The figures of `experiments.late_divergence`, from the tables of its run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.harness import figures
from experiments.harness.loss_reference import LossReference, references_of
from experiments.harness.sweeps import describe_run
from experiments.late_divergence.oscillation import (
    linear_stretch,
    predicted_log_growth,
    two_step_quotients,
)
from overparam_tf.runlog import RunFolder

# What the sharpness is made of: columns of trace.csv and their names.
PARTS = {
    "sharpness": "sharpness",
    "effective_rate": "effective rate |K|^(2-2/N)",
    "norm": "|K|",
    "curvature": "curvature of the loss in K",
    "balance_defect": "relative balance defect",
}
SMALLEST_SWING = 1e-12


@dataclass(frozen=True)
class DivergenceFigures:
    """Draws the figures of a run folder.

    Attributes:
        folder: The run folder.
        record: Its config.json.
        results: The table results.csv, the run to explain first.
        trace: The table trace.csv.
        curves: The arrays of curves.npz.
    """

    folder: RunFolder
    record: dict[str, Any]
    results: pd.DataFrame
    trace: pd.DataFrame
    curves: Mapping[str, np.ndarray]

    def draw_all(self) -> list[Path]:
        """Draw all figures; the last steps only if the run to explain has diverged."""
        drawn = [self.crossing(), self.remedies()]
        plain = self.results.iloc[0]
        has_tail = f"{plain['method']}/swing" in self.curves
        if has_tail and not np.isnan(plain["crossed_at"]):
            drawn.append(self.last_steps())
        return drawn

    def crossing(self) -> Path:
        """Draw the constant rates: loss, sharpness against 2 / rate, and the sharpness's parts."""
        title = (
            f"Late divergence at rate {self._rate:g}: the loss gives no warning, the sharpness does"
        )
        figure, (left, middle, right) = figures.new_figure(3, title, height=5)
        for index, row in enumerate(self.results.iloc[:3].itertuples()):
            run, colour = self._run(row.method), figures.colour(index)
            label = f"depth {row.depth}, rate {run['rate'].iloc[0]:g}"
            steps, losses = self._curve(row.method)
            highest = 2 * losses[0]
            figures.plot_losses(left, (steps, losses), highest, color=colour, label=label)
            _mark_end(left, row, run["loss"][run["loss"] < highest].iloc[-1], colour)
            threshold, below = run["threshold"].iloc[0], _below_blow_up(run)
            middle.plot(below["step"], below["sharpness"], color=colour, label=label)
            middle.axhline(threshold, color=colour, linestyle="--", linewidth=1)
            _mark_end(middle, row, threshold, colour)
        plain = self.results.iloc[0]
        _plot_parts(right, self._run(plain["method"]), plain["crossed_at"])
        figures.log_loss_axis(left)
        left.set(title="loss (×: NaN from here)", ylabel=self._reference.label)
        middle.set(title="largest Hessian eigenvalue (dashed: 2 / rate)", ylim=(0, None))
        middle.set_ylabel("sharpness")
        right.set_title(f"what it is made of: {plain['method']}, depth {self._depth}")
        for ax in (left, middle, right):
            _step_axis(ax, "step (full batch)")
            ax.legend(fontsize=8)
        return self._save(figure, "crossing")

    def last_steps(self) -> Path:
        """Draw the blow-up step by step: sharpness, swing with its prediction, and loss."""
        plain = self.results.iloc[0]
        name, crossed_at = plain["method"], plain["crossed_at"]
        steps, losses = (self.curves[f"{name}/{array}"] for array in ("tail_steps", "tail_losses"))
        # As many steps before the crossing as after it.
        visible = steps >= crossed_at - (plain["steps"] - crossed_at)
        run = self._run(name)
        title = (
            f"Depth {self._depth}, rate {self._rate:g}: the last {visible.sum():,} steps, "
            "one by one"
        )
        figure, (left, middle, right) = figures.new_figure(3, title, height=5)
        visible_run = run[run["step"] >= steps[visible][0]]
        left.plot(*two_step_quotients(visible_run), ".-", color=figures.colour(0))
        left.axhline(1, color=figures.GREY, linestyle="--")
        left.set_title("sharpness over 2 / rate, mean of two steps")
        _plot_swing(middle, steps, self.curves[f"{name}/swing"], visible, crossed_at, run)
        curve, highest = (steps[visible], losses[visible]), 2 * self._reference.at_zero
        figures.plot_losses(right, curve, highest, color=figures.colour(2))
        figures.log_loss_axis(right)
        right.set(title="loss", ylabel=self._reference.label)
        for ax in (left, middle, right):
            ax.axvline(crossed_at, color=figures.GREY, linestyle=":")
            _step_axis(ax, "step (full batch); dotted: sharpness passes 2 / rate")
        return self._save(figure, "last_steps")

    def remedies(self) -> Path:
        """Draw every method at the main depth: excess loss, and rate x sharpness / 2."""
        title = f"What removes the blow-up, depth {self._depth}"
        figure, (left, right) = figures.new_figure(2, title, height=5.4)
        floor, at_zero = self._reference.floor, self._reference.at_zero
        methods = self.results[self.results["depth"] == self._depth]
        for index, row in enumerate(methods.itertuples()):
            run, colour = self._run(row.method), figures.colour(index)
            steps, losses = self._curve(row.method)
            ending = "NaN" if row.status == "diverged" else f"{row.final_loss - floor:.4f}"
            style = {"color": colour, "label": f"{row.method}: {ending}"}
            figures.plot_losses(left, (steps, losses - floor), 2 * at_zero, **style)
            drawn = run["loss"][run["loss"] < at_zero]
            if len(drawn):  # empty for a run that never left the start
                _mark_end(left, row, drawn.iloc[-1] - floor, colour)
            quotient = run["sharpness"] / run["threshold"]
            right.plot(run["step"], quotient.where(quotient < 5), color=colour, label=row.method)
            _mark_end(right, row, 1, colour)
        figures.log_loss_axis(left)
        left.set_title("loss above the convex floor (×: NaN from here)")
        left.set_ylabel(f"{self._reference.label} - floor")
        left.legend(fontsize=8, title="at the end", title_fontsize=8)
        right.axhline(1, color=figures.GREY, linestyle="--")
        right.set(title="rate × sharpness / 2 (unstable above 1)", ylim=(0, None))
        for ax in (left, right):
            figures.step_axis(ax)
            ax.set_xlabel("step (full batch)")
        return self._save(figure, "remedies")

    @property
    def _rate(self) -> float:
        return self.record["options"]["learning_rate"]

    @property
    def _depth(self) -> int:
        return self.record["options"]["depth"]

    @property
    def _reference(self) -> LossReference:
        (reference,) = references_of(self.record)
        return reference

    def _run(self, method: str) -> pd.DataFrame:
        return self.trace[self.trace["method"] == method]

    def _curve(self, method: str) -> tuple[np.ndarray, np.ndarray]:
        return self.curves[f"{method}/steps"], self.curves[f"{method}/losses"]

    def _save(self, figure: Figure, name: str) -> Path:
        options = self.record["options"]
        record = {**self.record, "options": {**options, "seeds": [options["seed"]]}}
        note = f"{describe_run(record, self._reference)} · Hessian in float64"
        return figures.save_figure(figure, self.folder, name, note, record)


def _below_blow_up(run: pd.DataFrame) -> pd.DataFrame:
    """Return the snapshots before the sharpness leaves the scale."""
    return run[run["sharpness"] < 1.5 * run["threshold"]]


def _mark_end(ax: Axes, row: Any, height: float, colour: str) -> None:
    """Draw a cross where a run became NaN."""
    if row.status == "diverged":
        style = {"markersize": 9, "markeredgewidth": 2.2, "clip_on": False, "zorder": 5}
        ax.plot(row.steps, height, "x", color=colour, **style)


def _plot_parts(ax: Axes, run: pd.DataFrame, crossed_at: float) -> None:
    """Draw what the sharpness of a run is made of."""
    below = _below_blow_up(run)
    for column, name in PARTS.items():
        ax.plot(below["step"], below[column], label=name)
    if not np.isnan(crossed_at):
        ax.axvline(crossed_at, color=figures.GREY, linestyle=":", label="sharpness = 2 / rate")
    ax.set_yscale("log")


def _plot_swing(
    ax: Axes,
    steps: np.ndarray,
    swing: np.ndarray,
    visible: np.ndarray,
    crossed_at: float,
    run: pd.DataFrame,
) -> None:
    """Draw the swing of the weights, and what linear theory predicts from the crossing on."""
    style = {"color": figures.colour(1), "markersize": 2, "linestyle": ""}
    values = np.maximum(swing[visible], SMALLEST_SWING)
    ax.plot(steps[visible], values, "o", label="measured", **style)
    stretch = linear_stretch(steps, swing, crossed_at)
    if stretch.stop > stretch.start:
        last = stretch.stop - 1
        growth = predicted_log_growth(steps, run)
        theory = np.exp(growth - growth[last]) * swing[last]
        grows = (steps >= crossed_at) & (steps <= steps[last])
        label = "theory: each step × (rate × sharpness - 1)"
        ax.plot(steps[grows], theory[grows], "k--", linewidth=1.5, label=label)
    ax.set(title="swing of the weights along the top eigenvector", yscale="log")
    ax.set_ylim(max(np.quantile(swing[visible], 0.02), SMALLEST_SWING), 10)
    ax.legend(fontsize=8)


def _step_axis(ax: Axes, label: str) -> None:
    figures.step_axis(ax)
    ax.tick_params(axis="x", labelsize=8)
    ax.set_xlabel(label)
