"""The figures of the experiment: speed-ups with intervals, and curves of the best rates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.harness import figures
from experiments.harness.speed_up import Bound
from experiments.nonlinear.claims import main_rows
from experiments.nonlinear.config import FORMS
from experiments.nonlinear.nets import NETS
from overparam_tf.runlog import RunFolder

MARKERS = {Bound.EXACT: "o", Bound.AT_LEAST: "^", Bound.AT_MOST: "v"}
# The ends of the axis of speed-ups; what is beyond stands at its end.
LARGEST = 8.0
APART = 0.22  # of the points of two depths


def draw_figures(
    folder: RunFolder,
    record: Mapping[str, Any],
    verdicts: pd.DataFrame,
    curves: Mapping[str, np.ndarray],
) -> list[Path]:
    """Draw the speed-ups under each penalty, and the curves of each net.

    Args:
        folder: The run folder.
        record: Its config.json.
        verdicts: The table verdicts.csv.
        curves: The arrays of curves.npz.

    Returns:
        The figures' paths.
    """
    drawn = []
    key = (
        "to the lower target of each net; bars: 95 % interval over seeds; triangles: bounds, where "
        "only one of the two depths reached it; no point: neither did"
    )
    for place, rows in main_rows(verdicts).groupby("penalty", sort=False):
        figure = speed_ups(rows, f"Steps of depth 1 / steps of depth N, {FORMS[place]}")
        drawn.append(_save(figure, folder, f"ratio_{place}", key, record))
    for net in verdicts["net"].unique():
        for place in verdicts.loc[verdicts["net"] == net, "penalty"].unique():
            figure = best_curves(net, place, verdicts, curves)
            key = "each at the rate of its lowest last loss; line: median, band: all seeds"
            drawn.append(_save(figure, folder, f"curves_{net}_{place}", key, record))
    return drawn


def speed_ups(rows: pd.DataFrame, title: str) -> Figure:
    """Draw a panel for each net with a point for each optimizer and depth."""
    nets, depths = list(rows["net"].unique()), sorted(rows["depth"].unique())
    width = max(7.5, 1.2 + 2.9 * len(nets))  # of a single net the title needs more
    figure = Figure(figsize=(width, 4.2), layout="constrained")
    panels = figure.subplots(1, len(nets), squeeze=False, sharey=True)[0]
    figure.suptitle(title)
    for ax, net in zip(panels, nets, strict=True):
        own = rows[rows["net"] == net]
        optimizers = list(own["optimizer"].unique())
        for number, depth in enumerate(depths):
            shift = APART * (number - (len(depths) - 1) / 2)
            _plot_depth(ax, own[own["depth"] == depth], optimizers, shift, number)
        _speed_up_axis(ax)
        ax.set_xticks(range(len(optimizers)), optimizers, rotation=30)
        ax.set(
            title=f"{NETS[net].title}\nto {own['target'].iloc[0]:g}",
            xlim=(-0.6, len(optimizers) - 0.4),
        )
    panels[0].set_ylabel("speed-up (above 1 depth helps)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, loc="outside right center")
    return figure


def _plot_depth(
    ax: Axes, rows: pd.DataFrame, optimizers: list[str], shift: float, number: int
) -> None:
    """Draw the speed-ups of one depth with their intervals."""
    known = rows[rows["bound"] != Bound.UNKNOWN.value]
    # The colours that the depths have among the curves, where depth 1 is the first.
    colour, label = figures.colour(number + 1), f"depth {rows['depth'].iloc[0]}"
    places = np.array([optimizers.index(name) for name in known["optimizer"]]) + shift
    values, low, high = (
        known[column].astype(float).clip(1 / LARGEST, LARGEST)
        for column in ("ratio", "low", "high")
    )
    bars = np.maximum([values - low, high - values], 0)
    ax.errorbar(places, values, bars, fmt="none", color=colour, capsize=3, linewidth=1.2)
    for bound, marker in MARKERS.items():
        chosen = (known["bound"] == bound.value).to_numpy()
        ax.plot(places[chosen], values[chosen], marker, color=colour, markersize=5)
    ax.plot([], [], "o", color=colour, markersize=5, label=label)


def _speed_up_axis(ax: Axes) -> None:
    """Set a logarithmic y axis with a line at 1."""
    ax.set(yscale="log", ylim=(0.9 / LARGEST, 1.1 * LARGEST))
    exponents = np.arange(-np.log2(LARGEST), np.log2(LARGEST) + 1)
    ticks = 2.0**exponents
    ax.set_yticks(ticks, [f"{tick:g}" if tick >= 1 else f"1/{1 / tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.axhline(1, color=figures.GREY, linewidth=0.8)
    ax.grid(alpha=0.25, axis="y")
    ax.spines[["top", "right"]].set_visible(False)


def best_curves(
    net: str, place: str, verdicts: pd.DataFrame, curves: Mapping[str, np.ndarray]
) -> Figure:
    """Draw a panel for each optimizer with the smoothed loss of each depth."""
    rows = verdicts[(verdicts["net"] == net) & (verdicts["penalty"] == place)]
    optimizers, depths = list(rows["optimizer"].unique()), sorted(rows["depth"].unique())
    figure = Figure(figsize=(0.8 + 3.3 * len(optimizers), 3.9), layout="constrained")
    panels = figure.subplots(1, len(optimizers), squeeze=False, sharey=True)[0]
    figure.suptitle(f"{NETS[net].title}, {FORMS[place]}: smoothed training loss")
    steps = curves[f"{net}/steps"]
    for ax, optimizer in zip(panels, optimizers, strict=True):
        for number, depth in enumerate(depths):
            losses = curves.get(f"{net}/{place}/{optimizer}/{depth}", np.empty((0, len(steps))))
            if not len(losses):
                continue
            style = figures.line_style(number)
            ax.plot(steps, np.median(losses, axis=0), label=f"depth {depth}", **style)
            ax.fill_between(
                steps, losses.min(axis=0), losses.max(axis=0), color=style["color"], alpha=0.15
            )
        for target in rows["target"].unique():
            ax.axhline(target, color=figures.GREY, linewidth=0.7, linestyle=":")
        figures.log_loss_axis(ax)
        figures.step_axis(ax)
        ax.grid(alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
        ax.set(title=optimizer, xlabel="step")
    panels[0].set_ylabel("loss without penalty")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, loc="outside right upper")
    return figure


def _save(
    figure: Figure, folder: RunFolder, name: str, key: str, record: Mapping[str, Any]
) -> Path:
    options = record["options"]
    seeds = ", ".join(map(str, options["seeds"]))
    note = f"{key} · {record['data']['label']} · seeds {seeds} · {record['machine']}"
    return figures.save_figure(figure, folder, name, note, record)
