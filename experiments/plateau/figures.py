"""The figures of `experiments.plateau`, from the arrays of its run folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.harness import figures
from experiments.harness.balanced_descent import power
from experiments.harness.speed_up import Bound
from experiments.plateau.searches import FINEST, GRID, STABLE, Cell
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep.recorder import NEVER

# Line and marker of each search's speed-ups.
STYLES = {GRID: "o", FINEST: ".-", STABLE: "s--"}
# Errors below are drawn here: logarithmic axes have no 0.
SMALLEST_ERROR = 1e-6


@dataclass(frozen=True)
class CloseupRun:
    """A run that the figures show step by step.

    Attributes:
        label: Its depth and rate in words.
        depth: Number of factors.
        rate: The learning rate.
        steps: Recorded steps, shape (S,).
        kernels: The kernels at these steps, shape (S, 2).
    """

    label: str
    depth: int
    rate: float
    steps: np.ndarray
    kernels: np.ndarray


@dataclass(frozen=True)
class PlateauFigures:
    """Draws the figures of a run.

    Attributes:
        folder: The run folder; figures go into its `figures/`.
        record: Its config.json.
        results: What `with_speed_ups` returned.
        curves: The arrays of curves.npz by name.
    """

    folder: RunFolder
    record: dict[str, Any]
    results: pd.DataFrame
    curves: dict[str, np.ndarray]

    def draw(self) -> list[Path]:
        """Draw all four figures."""
        return [
            self._draw_trajectories(),
            self._draw_mechanism(),
            self._draw_steps_against_rate(),
            self._draw_speed_up(),
        ]

    @property
    def _p(self) -> int:
        return self.record["closeup"]["p"]

    @property
    def _label(self) -> int:
        """Return the large label of the runs shown in detail."""
        return self.record["closeup"]["ratio"]

    @property
    def _subject(self) -> str:
        return f"labels ({self._label}, 1), L{self._p}"

    def _depths(self) -> list[int]:
        return sorted(self.record["options"]["depths"])

    def _closeup_runs(self) -> list[CloseupRun]:
        """Return the runs to look at step by step, of those that reached the target."""
        depths = self._depths()[:2]  # more runs would hide one another
        choices = [("best rate", depth, GRID) for depth in depths]
        choices += [("loss never rises", depth, STABLE) for depth in depths if depth > 1]
        runs = []
        for words, depth, search in choices:
            name = f"{Cell(self._p, self._label, depth)}/{search.steps}"
            if f"{name}/rate" in self.curves:
                rate = float(self.curves[f"{name}/rate"])
                label = f"depth {depth}, {words} {rate:.3g}"
                steps, kernels = self.curves[f"{name}/at"], self.curves[f"{name}/kernels"]
                runs.append(CloseupRun(label, depth, rate, steps, kernels))
        return runs

    def _draw_trajectories(self) -> Path:
        """Draw the (w1, w2) plane with the contours of the loss and the path of each run."""
        runs = self._closeup_runs()
        ending = "" if runs else ": no run reached the target"
        title = f"Ways to the minimum, {self._subject}{ending}"
        figure, axes = figures.new_figure(max(len(runs), 1), title)
        for index, (ax, run) in enumerate(zip(axes, runs, strict=False)):
            self._draw_contours(ax, run.kernels)
            colour = figures.colour(index)
            ax.plot(*run.kernels.T, ".-", color=colour, markersize=4, linewidth=0.8)
            ax.plot(self._label, 1, "k*", markersize=12)
            ax.set(title=f"{run.label}: {run.steps.max():,} steps", xlabel="w1", ylabel="w2")
        return self._save(figure, "trajectories")

    def _draw_contours(self, ax: Axes, kernels: np.ndarray) -> None:
        """Draw the contours of the loss around a path and the minimum."""
        w_1, w_2 = (
            _span(coordinates, minimum)
            for coordinates, minimum in zip(kernels.T, (self._label, 1), strict=True)
        )
        error_1, error_2 = w_1[None] - self._label, w_2[:, None] - 1
        loss = (power(error_1, self._p) + power(error_2, self._p)) / self._p
        levels = np.arange(-6, 9, 0.75)
        ax.contour(
            w_1, w_2, np.log10(loss + 1e-12), levels=levels, colors="#bbbbbb", linewidths=0.7
        )

    def _draw_mechanism(self) -> Path:
        """Draw both labels' errors, and the effective rate at which the small one is learned."""
        figure, (left, right) = figures.new_figure(2, f"Why depth helps, {self._subject}")
        for index, run in enumerate(self._closeup_runs()):
            colour = figures.colour(index)
            errors = np.abs(run.kernels - [self._label, 1])
            error_1, error_2 = np.maximum(errors, SMALLEST_ERROR).T
            left.loglog(run.steps + 1, error_2, color=colour, label=f"small label, {run.label}")
            left.loglog(run.steps + 1, error_1, "--", color=colour, linewidth=0.9)
            norms = np.linalg.norm(run.kernels, axis=1)
            effective_rate = run.rate * norms ** (2 - 2 / run.depth)
            right.loglog(run.steps + 1, effective_rate, color=colour, label=run.label)
        left.axhline(self.record["options"]["target"], color=figures.GREY, linestyle=":")
        left.set_title("error (dashed: large label; dotted: target)")
        left.set(xlabel="step + 1", ylabel="|error|")
        right.set(title="effective rate: learning rate × |w|^(2-2/N)", xlabel="step + 1")
        for ax in (left, right):
            _add_legend(ax, fontsize=8)
        return self._save(figure, "mechanism")

    def _draw_steps_against_rate(self) -> Path:
        """Draw the rates that fit both labels, and their steps: windows beyond the stable rates."""
        title = f"Steps against learning rate, {self._subject}"
        figure, (ax,) = figures.new_figure(1, title, height=5)
        for index, depth in enumerate(self._depths()):
            self._draw_scan(ax, Cell(self._p, self._label, depth), figures.colour(index))
        ax.set(xlabel="learning rate (no dot: not fitted)", ylabel="steps until fitted")
        title = "stars: best of the coarse grid; dashed: up to here the loss never rises"
        ax.set_title(title, fontsize=9)
        ax.legend()
        return self._save(figure, "steps_against_rate")

    def _draw_scan(self, ax: Axes, cell: Cell, colour: str) -> None:
        rates, reached_steps = self.curves[f"{cell}/rates"], self.curves[f"{cell}/reached"]
        reached = reached_steps != NEVER
        steps = np.maximum(reached_steps[reached], 1)
        label = f"depth {cell.depth}"
        ax.loglog(rates[reached], steps, ".", markersize=3, color=colour, label=label)
        row = self.results.query(
            f"p == {cell.p} and ratio == {cell.ratio} and depth == {cell.depth}"
        )
        star = {"color": colour, "markersize": 15, "fillstyle": "none"}
        ax.plot(row[GRID.rate], row[GRID.steps], "*", **star)
        ax.axvline(row["stable_limit"].item(), color=colour, linestyle="--", linewidth=0.9)

    def _draw_speed_up(self) -> Path:
        """Draw steps of depth 1 over steps of depth N against y1/y2, a panel for each p."""
        powers = sorted(self.record["options"]["powers"])
        title = "Speed-up over depth 1 against y1/y2, best rate of each"
        figure, axes = figures.new_figure(len(powers), title, height=5)
        for ax, p in zip(axes, powers, strict=True):
            self._draw_speed_up_under(ax, p)
            ax.axhline(1, color=figures.GREY, linestyle=":")
            ax.set_title(f"p = {p} (triangle: at least, depth 1 not done)")
            ax.set(xlabel="y1/y2", ylabel="speed-up")
            _add_legend(ax, fontsize=7)
        return self._save(figure, "speed_up")

    def _draw_speed_up_under(self, ax: Axes, p: int) -> None:
        deeper = (depth for depth in self._depths() if depth > 1)
        for index, depth in enumerate(deeper):
            colour = figures.colour(index)
            chosen = (self.results["p"] == p) & (self.results["depth"] == depth)
            cells = self.results[chosen]
            for search, style in STYLES.items():
                known = cells[cells[search.bound].isin([Bound.EXACT, Bound.AT_LEAST])]
                look = {"color": colour, "markersize": 5, "fillstyle": "none"}
                label = f"depth {depth}, {search.label}"
                ax.loglog(known["ratio"], known[search.speed_up], style, label=label, **look)
                bounds = known[known[search.bound] == Bound.AT_LEAST]
                height = 1.3 * bounds[search.speed_up]
                ax.plot(bounds["ratio"], height, "^", color=colour, markersize=5)

    def _save(self, figure: Figure, name: str) -> Path:
        options = self.record["options"]
        note = (
            f"two-example toy (exact, no data) · sum of e^p/p · balanced start "
            f"{options['start']:g} · fitted: errors < {options['target']:g} · "
            f"at most {options['steps']:,} steps · float64 · {self.record['machine']}"
        )
        return figures.save_figure(figure, self.folder, name, note, self.record)


def _span(coordinates: np.ndarray, minimum: float) -> np.ndarray:
    """Return 200 points from below to above a path's coordinates, 0 and the minimum."""
    low, high = min(0, coordinates.min()), max(minimum, coordinates.max())
    margin = 0.1 * (high - low)
    return np.linspace(low - margin, high + margin, 200)


def _add_legend(ax: Axes, fontsize: int) -> None:
    """Add a legend unless nothing was drawn."""
    handles, _ = ax.get_legend_handles_labels()
    if handles:
        ax.legend(fontsize=fontsize)
