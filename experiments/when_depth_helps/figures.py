"""The figures of `experiments.when_depth_helps`, from the tables of its run folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from experiments.harness import figures
from experiments.harness.speed_up import Bound
from experiments.when_depth_helps.claims import ceiling
from experiments.when_depth_helps.phase_diagram import phase_diagram
from overparam_tf.runlog import RunFolder

MARKERS = "osDPX*ph"  # no triangles: those mark bounds


@dataclass(frozen=True)
class DepthFigures:
    """Draws the figures of a run.

    Attributes:
        folder: The run folder; figures go into its `figures/`.
        record: Its config.json.
        cells: What `cell_table` returned.
        theory: What `theory` returned.
    """

    folder: RunFolder
    record: dict[str, Any]
    cells: pd.DataFrame
    theory: pd.DataFrame

    def draw(self) -> list[Path]:
        """Draw the phase diagram of each target, and the speed-up against kurtosis and steps."""
        targets = sorted(self.cells["target"].unique(), reverse=True)
        alignment = self.record["data"]["measured"]["alignment"]
        paths = []
        for target in targets:
            figure = phase_diagram(self.cells, target, alignment)
            paths.append(self._save(figure, f"phase_diagram_{target:g}".replace(".", "_")))
        return [*paths, self._draw_against_kurtosis(min(targets)), self._draw_against_steps()]

    def _draw_against_kurtosis(self, target: float) -> Path:
        """Draw a curve for each condition number, and the two-example theory where it applies."""
        generated = self.cells[
            (self.cells["problem"] == "generated")
            & (self.cells["target"] == target)
            & (self.cells["p"] > 2)
        ]
        powers, alignment = sorted(generated["p"].unique()), generated["alignment"].min()
        title = f"Speed-up against the label's tail: alignment {alignment:g}, target {target:g}"
        figure, axes = figures.new_figure(max(len(powers), 1), title, height=5)
        conditions = sorted(generated["condition"].unique())
        least_aligned = generated[generated["alignment"] == alignment]
        known = least_aligned[least_aligned["bound"] != Bound.UNKNOWN]
        for ax, p in zip(axes, powers, strict=False):
            cells = known[known["p"] == p]
            for condition, line in cells.groupby("condition"):
                _draw_condition(ax, line, condition, conditions.index(condition))
            self._draw_theory(ax, p, cells["kurtosis"].max())
            ax.axhline(1, color=figures.GREY, linestyle=":")
            figures.log_loss_axis(ax)
            ax.set_title(f"p = {p} (triangles: bounds)")
            ax.set(xlabel="kurtosis of the label", ylabel="speed-up", xscale="log")
            ticks = sorted({1.0, *cells["kurtosis"]})
            ax.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks], minor=False)
            ax.xaxis.set_minor_formatter(NullFormatter())
        _add_common_legend(figure, axes)
        return self._save(figure, "speed_up_against_kurtosis")

    def _draw_theory(self, ax: Axes, p: int, largest_kurtosis: float) -> None:
        """Draw the two-example toy's speed-up, and its level at larger ratios of the labels."""
        rows = self.theory[self.theory["p"] == p].sort_values("kurtosis")
        label = "theory: two examples (y, 1), condition 1"
        ax.plot(rows["kurtosis"], rows["speed_up"], "k-", linewidth=2.5, label=label)
        if len(rows):
            level = rows["speed_up"].iloc[-1]
            ends = [rows["kurtosis"].max(), max(largest_kurtosis, 2)]
            label = "the same for larger y, about"
            ax.plot(ends, [level, level], "k:", linewidth=1.5, label=label)

    def _draw_against_steps(self) -> Path:
        """Draw a point for each cell, a panel for each p; dotted: the ceiling."""
        known = self.cells[(self.cells["bound"] != Bound.UNKNOWN) & (self.cells["p"] > 2)]
        powers = sorted(known["p"].unique())
        targets = sorted(known["target"].unique(), reverse=True)
        title = "Speed-up against the steps there are to save"
        figure, axes = figures.new_figure(max(len(powers), 1), title, height=5)
        for ax, p in zip(axes, powers, strict=False):
            for index, target in enumerate(targets):
                cells = known[(known["p"] == p) & (known["target"] == target)]
                self._draw_points(ax, cells, figures.colour(index), f"target {target:g}")
                ax.axhline(ceiling(target, p), color=figures.colour(index), linestyle=":")
            ax.axhline(1, color=figures.GREY, linewidth=0.8)
            ax.set_xscale("log")
            figures.log_loss_axis(ax)
            ax.set(xlabel="steps of depth 1", ylabel="speed-up (triangle: at least)")
            title = f"p = {p}; dotted: target^-(p-2)/p, what the curvature loses"
            ax.set_title(title, fontsize=10)
            ax.legend(fontsize=8)
        return self._save(figure, "speed_up_against_steps")

    def _draw_points(self, ax: Axes, cells: pd.DataFrame, colour: str, label: str) -> None:
        """Draw generated problems as dots, lower bounds as triangles, measured ones as stars."""
        look = {"color": colour, "linestyle": ""}
        generated = cells[cells["problem"] == "generated"]
        steps = generated["steps_1"].fillna(self.record["options"]["steps"])
        dots = {"markersize": 4, "alpha": 0.7, "label": label}
        ax.plot(steps, generated["speed_up"], "o", **dots, **look)
        bounds = generated[generated["bound"] == Bound.AT_LEAST]
        ax.plot(steps[bounds.index], 1.15 * bounds["speed_up"], "^", markersize=5, **look)
        above = {"xytext": (0, 9), "textcoords": "offset points", "ha": "center"}
        for cell in cells[cells["problem"] != "generated"].itertuples():
            point = cell.steps_1, cell.speed_up
            ax.plot(*point, "*", markersize=15, markeredgecolor="black", **look)
            ax.annotate(cell.problem, point, **above)

    def _save(self, figure: Figure, name: str) -> Path:
        options, label = self.record["options"], self.record["data"]["label"]
        size = f"{options['rows']} x {options['features']}, {options['explained']:.0%} explained"
        note = (
            f"generated problems ({size}) and {label} · mean(e^p)/p · "
            f"balanced start N(0, 0.01²) · seeds {', '.join(map(str, options['seeds']))} · "
            f"best of {options['rates_per_decade']} rates a decade · "
            f"at most {options['steps']:,} steps · {options['dtype']} · {self.record['machine']}"
        )
        return figures.save_figure(figure, self.folder, name, note, self.record)


def _draw_condition(ax: Axes, cells: pd.DataFrame, condition: float, index: int) -> None:
    """Draw the speed-up against kurtosis at one condition number, with the range over seeds."""
    colour, marker = figures.colour(index), MARKERS[index % len(MARKERS)]
    gains = cells["speed_up"].to_numpy()
    below, above = gains - cells["low"].to_numpy(), cells["high"].to_numpy() - gains
    ax.errorbar(
        cells["kurtosis"],
        gains,
        np.abs([below, above]),
        capsize=2,
        linewidth=1.2,
        label=f"condition number {condition:.0e}",
        color=colour,
        marker=marker,
        markersize=5,
    )
    for bound, triangle, shift in ((Bound.AT_LEAST, "^", 1.12), (Bound.AT_MOST, "v", 1 / 1.12)):
        bounds = cells[cells["bound"] == bound]
        height = shift * bounds["speed_up"]
        ax.plot(bounds["kurtosis"], height, color=colour, marker=triangle, linestyle="")


def _add_common_legend(figure: Figure, axes: list[Axes]) -> None:
    """Add one legend for all panels, outside: the curves leave no room."""
    handles_by_label: dict[str, Any] = {}
    for ax in axes:
        handles, labels = ax.get_legend_handles_labels()
        handles_by_label |= dict(zip(labels, handles, strict=True))
    labels, handles = handles_by_label.keys(), handles_by_label.values()
    figure.legend(handles, labels, loc="outside right upper", fontsize=8)
