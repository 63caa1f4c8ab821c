"""The figures of `experiments.optimizer_bias`, from the tables of its run folder."""

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
from experiments.harness.draws import OverDraws
from experiments.optimizer_bias.claims import best_runs
from experiments.optimizer_bias.settings import SETTINGS
from overparam_tf.runlog import RunFolder


@dataclass(frozen=True)
class BiasFigures:
    """Draws the figures of a run.

    Attributes:
        folder: The run folder; figures go into its `figures/`.
        record: Its config.json.
        results: A row for each run.
        curves: The arrays of curves.npz by name.
    """

    folder: RunFolder
    record: Mapping[str, Any]
    results: pd.DataFrame
    curves: Mapping[str, np.ndarray]

    def draw(self) -> list[Path]:
        """Draw error and effective rank by optimizer, and the error against the rate."""
        return [
            self._draw_by_optimizer("error", "mean squared error on what was held out"),
            self._draw_by_optimizer("rank", "effective rank of the product"),
            self._draw_against_rate(),
        ]

    def _problems(self) -> list[str]:
        return list(self.results["problem"].unique())

    def _draw_by_optimizer(self, column: str, words: str) -> Path:
        """Draw a point for each optimizer and depth, a panel for each problem."""
        problems = self._problems()
        title = f"What each optimizer chooses among the products that fit: {words}"
        figure, axes = figures.new_figure(len(problems), title, height=5.4)
        best = best_runs(self.results)
        for ax, problem in zip(axes, problems, strict=True):
            own = self.results[self.results["problem"] == problem]
            names = list(own["optimizer"].unique())
            for index, depth in enumerate(sorted(own["depth"].unique())):
                chosen = best[(best["problem"] == problem) & (best["depth"] == depth)]
                _draw_points(ax, chosen, names, column, f"depth {depth}", index)
            if column == "rank":
                rank = SETTINGS[problem].rank
                ax.axhline(rank, color=figures.GREY, linestyle=":", label="the matrix")
            ax.set_yscale("log")
            ax.set_xticks(range(len(names)), names, rotation=40, ha="right")
            ax.set_xlim(-0.6, len(names) - 0.4)
            ax.set_ylabel(words)
            ax.set_title(SETTINGS[problem].words, fontsize=9)
            ax.legend(fontsize=8)
        return self._save(figure, f"{column}_by_optimizer")

    def _draw_against_rate(self) -> Path:
        """Draw the error of all fitted runs against the rate, a panel for each depth."""
        problem, *_ = self._problems()
        own = self.results[self.results["problem"] == problem]
        # Relative rates differ a little from draw to draw; their places in the grid do not.
        cells = own.groupby(["optimizer", "depth", "draw"])["rate"]
        own = own.assign(place=cells.rank().astype(int))
        fitted = own[own["status"] == "fitted"]
        depths = sorted(self.results["depth"].unique())
        title = f"Error at every rate that reached the same loss: {SETTINGS[problem].words}"
        figure, axes = figures.new_figure(len(depths), title, height=5.4)
        for ax, depth in zip(axes, depths, strict=True):
            of_depth = fitted[fitted["depth"] == depth]
            for index, name in enumerate(own["optimizer"].unique()):
                runs = of_depth[of_depth["optimizer"] == name]
                medians = runs.groupby("place")[["rate", "error"]].median()
                look = figures.marker_style(index)
                ax.plot(medians["rate"], medians["error"], label=name, **look)
            ax.set(xscale="log", yscale="log", xlabel="learning rate", title=f"depth {depth}")
            ax.set_ylabel("error, median over draws")
            figures.place_legend(ax)
        return self._save(figure, "error_against_rate")

    def _save(self, figure: Figure, name: str) -> Path:
        options = self.record["options"]
        note = (
            f"generated matrices, entries of mean square 1 · identity start {options['scale']:g} · "
            f"compared at a training loss of {options['target']:g}, lowest error of four rates · "
            f"median and 95 % interval over draws {', '.join(map(str, options['draws']))} · at "
            f"most {options['steps']:,} steps · {options['dtype']} · {self.record['machine']}"
        )
        return figures.save_figure(figure, self.folder, name, note, self.record)


def _draw_points(
    ax: Axes, best: pd.DataFrame, names: list[str], column: str, label: str, index: int
) -> None:
    numbers = [OverDraws.of(best.loc[best["optimizer"] == name, column]) for name in names]
    medians, spread = OverDraws.heights(numbers)
    style = {**figures.marker_style(index), "linestyle": ""}
    places = np.arange(len(names)) + 0.12 * (index - 0.5)
    ax.errorbar(places, medians, spread, capsize=3, label=label, **style)
