"""The figures of `experiments.speedup`: the speed-up against the target, and the heat maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.harness import figures
from experiments.harness.speed_up import Bound
from experiments.speedup.heat_maps import good_range_map, speed_up_map
from experiments.speedup.ratios import MAIN_TARGET, in_time, is_rule, with_labels
from experiments.speedup.scale import LARGEST, clip_to_scale
from overparam_tf.runlog import RunFolder

MARKERS = {Bound.EXACT: "o", Bound.AT_LEAST: "^", Bound.AT_MOST: "v"}
PANELS_IN_A_ROW = 4
MAP_KEY = (
    f"down to {MAIN_TARGET} of the excess loss; * the 95 % interval over seeds leaves out 1; "
    ">, < bounds: only one of the two depths reached the target; ? neither did; "
    "fractional depths, and those with an r: the end-to-end rule"
)


def draw_figures(folder: RunFolder, record: dict[str, Any], ratios: pd.DataFrame) -> list[Path]:
    """Draw all figures.

    They are the speed-up against the target (a figure for each loss), the heat map of optimizer by
    depth in steps and, where prices are known, in time, and the sensitivity to the rate.

    Args:
        folder: The run folder.
        record: Its config.json.
        ratios: What `ratios_of` returned.

    Returns:
        Their paths.
    """
    page = _Page(folder, record)
    drawn = []
    for p, rows in ratios.groupby("p"):
        figure = _against_target(rows, f"l_{p}: steps of depth 1 / steps of depth N")
        drawn.append(page.save(figure, f"ratio_against_target_l{p}", "triangles are bounds"))
    figure = speed_up_map(ratios, "Speed-up by depth: steps of depth 1 / steps of depth N")
    drawn.append(page.save(figure, "optimizer_by_depth", MAP_KEY))
    timed = in_time(ratios)
    if len(timed):
        figure = speed_up_map(timed, "Speed-up in time: seconds at depth 1 / at depth N")
        drawn.append(page.save(figure, "optimizer_by_depth_in_time", MAP_KEY))
    figure = good_range_map(ratios, "Decades of learning rates that are good")
    key = f"good: at most twice the fewest steps to {MAIN_TARGET} of the excess loss"
    return [*drawn, page.save(figure, "rate_sensitivity", key)]


@dataclass(frozen=True)
class _Page:
    """The run folder and config.json, for the note at the foot of every figure."""

    folder: RunFolder
    record: dict[str, Any]

    def save(self, figure: Figure, name: str, key: str) -> Path:
        """Save a figure; `key` explains its signs."""
        record, options = self.record, self.record["options"]
        seeds = ", ".join(map(str, options["seeds"]))
        note = (
            f"{key} · {record['data']['label']} · mean(e^p)/p, no biases · {options['init']} start "
            f"· {options['steps']:,} steps · seeds {seeds} · {options['dtype']} "
            f"· {record['machine']}"
        )
        return figures.save_figure(figure, self.folder, name, note, record)


def _against_target(ratios: pd.DataFrame, title: str) -> Figure:
    """Draw a panel for each optimizer, with a line for each depth over the targets."""
    groups, targets = list(ratios["group"].unique()), list(ratios["target"].unique())
    deeper = with_labels(ratios[ratios["depth"] > 1])
    labels = list(dict.fromkeys(deeper["label"]))
    figure, axes = _grid_of_panels(len(groups), title)
    for ax, group in zip(axes, groups, strict=False):
        for index, label in enumerate(labels):
            rows = deeper[(deeper["group"] == group) & (deeper["label"] == label)]
            # Side by side, so that the intervals of several depths do not cover each other.
            shift = 0.1 * (index - (len(labels) - 1) / 2)
            if len(rows):
                _plot_depth(ax, np.arange(len(rows)) + shift, rows, figures.colour(index))
        _speed_up_axis(ax)
        ax.set(title=group, xlabel="excess loss left", xlim=(-0.5, len(targets) - 0.5))
        ax.set_xticks(range(len(targets)), targets)
    axes[0].set_ylabel("speed-up (above 1 depth helps)")
    axes[0].legend(fontsize=7)
    return figure


def _grid_of_panels(count: int, title: str) -> tuple[Figure, list[Axes]]:
    """Return a figure of at least `count` panels with a common y axis."""
    columns = min(PANELS_IN_A_ROW, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(0.8 + 3.4 * columns, 0.8 + 3.2 * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False, sharey=True).ravel())
    figure.suptitle(title)
    for ax in axes:
        ax.grid(alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _plot_depth(ax: Axes, places: np.ndarray, rows: pd.DataFrame, colour: str) -> None:
    """Draw the speed-ups of one depth with their intervals; triangles are bounds."""
    depth = rows["depth"].iloc[0]
    has_rule = is_rule(rows["variant"].iloc[0])
    label = f"{'rule, depth' if has_rule else 'depth'} {depth:g}"
    values, low, high = (clip_to_scale(rows[column]) for column in ("ratio", "low", "high"))
    bars = np.maximum([values - low, high - values], 0)
    style = {"fmt": "--" if has_rule else "-", "linewidth": 1, "capsize": 2}
    ax.errorbar(places, values, bars, color=colour, label=label, **style)
    for bound, marker in MARKERS.items():
        selected = (rows["bound"] == bound.value).to_numpy()
        ax.plot(places[selected], values[selected], marker, color=colour, markersize=4)


def _speed_up_axis(ax: Axes) -> None:
    """Set a logarithmic y axis from 1/16 to 16 with a line at 1."""
    ax.set(yscale="log", ylim=(0.9 / LARGEST, 1.1 * LARGEST))
    ticks = 2.0 ** np.arange(-4, 5)
    ax.set_yticks(ticks, [f"{tick:g}" if tick >= 1 else f"1/{1 / tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.axhline(1, color=figures.GREY, linewidth=0.8)
