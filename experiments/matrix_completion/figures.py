"""The figures of `experiments.matrix_completion`, from the tables of its run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.harness import figures
from experiments.harness.draws import OverDraws
from experiments.matrix_completion.claims import BASELINE, PUBLISHED, PUBLISHED_SETTING
from overparam_tf.runlog import RunFolder

# Smaller errors and singular values are drawn here: logarithmic axes have no 0.
SMALLEST = 1e-8


@dataclass(frozen=True)
class CompletionFigures:
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
        """Draw error and effective rank against the start, and singular values over time."""
        error = self._draw_against_start("error", "mean squared error on unseen entries", np.log10)
        rank = self._draw_against_start("rank", "effective rank of the product", None)
        return [error, rank, self._draw_singular_values()]

    def _draw_against_start(self, column: str, words: str, logarithm: Callable | None) -> Path:
        """Draw a curve for each depth, a panel for each number of entries."""
        options = self.record["options"]
        counts = sorted(options["observations"])
        title = f"Matrix completion: {words}"
        figure, axes = figures.new_figure(len(counts), title, height=5)
        trained = self.results[self.results["depth"] != BASELINE]
        for ax, count in zip(axes, counts, strict=True):
            own = trained[trained["observations"] == count]
            for index, (depth, runs) in enumerate(own.groupby("depth")):
                _draw_depth(ax, runs, column, f"depth {depth}", index)
            self._draw_references(ax, count, column)
            ax.set(xscale="log", xlabel="start: multiple of the identity", ylabel=words)
            ax.set_title(f"{count:,} of {options['size'] ** 2:,} entries observed", fontsize=10)
            if logarithm is not None:
                ax.set_yscale("log")
            is_slow = (own["status"] != "fitted").any()
            figures.place_legend(ax, title="×: not fitted in all draws" if is_slow else None)
        return self._save(figure, f"{column}_against_start")

    def _draw_references(self, ax: Axes, count: int, column: str) -> None:
        """Draw the rank of the matrix, the nuclear norm's number, and the published errors."""
        options = self.record["options"]
        line = {"color": figures.GREY, "linewidth": 0.9}
        if column == "rank":
            ax.axhline(options["rank"], linestyle=":", label="the matrix", **line)
        chosen = (self.results["depth"] == BASELINE) & (self.results["observations"] == count)
        baseline = self.results.loc[chosen, column]
        if len(baseline):
            ax.axhline(baseline.median(), linestyle="--", label="least nuclear norm", **line)
        is_published = all(options[name] == PUBLISHED_SETTING[name] for name in ("size", "rank"))
        if column == "error" and is_published and count == PUBLISHED_SETTING["observations"]:
            # Published over all entries; on the unseen ones alone 1 / (1 - 0.2) as large.
            unseen = 1 - count / options["size"] ** 2
            values = np.array(list(PUBLISHED.values())) / unseen
            scales = np.full(len(values), PUBLISHED_SETTING["scale"])
            look = {"markersize": 11, "fillstyle": "none"}
            ax.plot(scales, values, "k*", label="published (depths 1, 2, 3)", **look)

    def _draw_singular_values(self) -> Path:
        """Draw the largest singular values over time at each depth: one draw, the largest start."""
        options = self.record["options"]
        depths = sorted(options["depths"])
        count, scale, seed = (
            min(options["observations"]),
            max(options["scales"]),
            options["draws"][0],
        )
        title = f"Singular values over time: {count:,} entries, start {scale:g}, draw {seed}"
        figure, axes = figures.new_figure(len(depths), title, height=4.4)
        for ax, depth in zip(axes, depths, strict=True):
            key = f"{count}/{depth}/{scale:g}/{seed}"
            values = np.maximum(self.curves[f"{key}/singular_values"], SMALLEST)
            for place, line in enumerate(values.T):
                is_of_rank = place < options["rank"]
                colour = figures.colour(0) if is_of_rank else figures.GREY
                label = {0: f"first {options['rank']}", options["rank"]: "others"}.get(place)
                ax.plot(self.curves[f"{key}/steps"] + 1, line, color=colour, label=label)
            ax.set(xscale="log", yscale="log", xlabel="step + 1", title=f"depth {depth}")
            ax.set_ylabel("singular value of the product")
            ax.legend(fontsize=8)
        return self._save(figure, "singular_values")

    def _save(self, figure: Figure, name: str) -> Path:
        options = self.record["options"]
        note = (
            f"generated {options['size']} x {options['size']} matrices of rank {options['rank']}, "
            f"entries of mean square 1 · identity start · gradient descent (depth 4 and up: "
            f"momentum 0.9) until the observed entries are fitted to {options['target']:g} · "
            f"median, 95 % interval over draws {', '.join(map(str, options['draws']))} · at most "
            f"{options['steps']:,} steps · {options['dtype']} · {self.record['machine']}"
        )
        return figures.save_figure(figure, self.folder, name, note, self.record)


def _draw_depth(ax: Axes, runs: pd.DataFrame, column: str, label: str, index: int) -> None:
    """Draw the median over draws with its interval against the start; hollow if runs were slow."""
    numbers = {scale: OverDraws.of(own[column]) for scale, own in runs.groupby("scale")}
    medians, spread = OverDraws.heights(list(numbers.values()))
    ax.errorbar(
        list(numbers), medians, spread, capsize=3, label=label, **figures.marker_style(index)
    )
    slow = sorted(set(runs.loc[runs["status"] != "fitted", "scale"]))
    if slow:
        heights = [numbers[scale].median for scale in slow]
        ax.plot(slow, heights, "x", color="k", markersize=8)
