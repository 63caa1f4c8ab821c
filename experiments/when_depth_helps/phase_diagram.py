"""The phase diagram of `experiments.when_depth_helps`: the speed-up as a colour over its axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from experiments.harness.speed_up import Bound, SpeedUp
from experiments.when_depth_helps.cells import FEW

# Colours saturate at a speed-up of 2^3; white is 1.
LARGEST = 3.0
NORM, MAP = Normalize(-LARGEST, LARGEST), "RdBu"
# Grey and hatched: neither depth reached the target.
UNKNOWN_COLOUR = "#f4f4f4"


def phase_diagram(cells: pd.DataFrame, target: float, alignment: float) -> Figure:
    """Return a heat map over condition number and kurtosis for each p and alignment.

    Args:
        cells: What `cell_table` returned.
        target: The target whose speed-ups are drawn.
        alignment: That of the measured data, which is marked in the panels nearest to it.
    """
    cells = cells[cells["target"] == target]
    generated = cells[cells["problem"] == "generated"]
    measured = cells[cells["problem"] != "generated"]
    powers, alignments = sorted(generated["p"].unique()), sorted(generated["alignment"].unique())
    nearest = min(alignments, key=lambda value: abs(value - alignment))
    # At p = 2 one row of cells stands for every kurtosis.
    heights = [1.0 + 0.4 * generated.loc[generated["p"] == p, "kurtosis"].nunique() for p in powers]
    figure = Figure(figsize=(2.2 + 3.9 * len(alignments), 1.3 + sum(heights)), layout="constrained")
    figure.suptitle(
        f"Steps of depth 1 / steps of depth 2, down to {target:g} of the zero kernel's excess loss"
    )
    axes = figure.subplots(len(powers), len(alignments), squeeze=False, height_ratios=heights)
    for axes_of_p, p in zip(axes, powers, strict=True):
        for ax, value in zip(axes_of_p, alignments, strict=True):
            panel = generated[(generated["p"] == p) & (generated["alignment"] == value)]
            image = _draw_panel(ax, panel)
            title = [f"p = {p}, alignment {value:g}"]
            if value == nearest:
                marked = measured[measured["p"] == p].to_dict("records")
                title += [_mark(ax, panel, cell) for cell in marked]
            ax.set_title(", ".join(title), fontsize=10)
        first, *_ = axes_of_p
        first.set_ylabel("kurtosis of the label")
    for ax in axes[-1]:
        ax.set_xlabel("condition number of $x^T x$")
    _add_colour_bar(figure, image, axes)
    return figure


def _add_colour_bar(figure: Figure, image: AxesImage, axes: np.ndarray) -> None:
    ticks = np.arange(-LARGEST, LARGEST + 1)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, extend="both", pad=0.01, ticks=ticks)
    bar.ax.set_yticklabels([f"{2.0**tick:g}" for tick in ticks])
    bar.set_label(
        "speed-up (blue: depth 2 is faster)\n"
        ">, <: a bound, one depth missed the target\n"
        f"hatched: both did; italics: fewer than {FEW} steps at depth 1"
    )


def _draw_panel(ax: Axes, cells: pd.DataFrame) -> AxesImage:
    """Draw one heat map, with the number in every cell."""
    conditions, kurtoses = sorted(cells["condition"].unique()), sorted(cells["kurtosis"].unique())
    colours = np.full((len(kurtoses), len(conditions)), np.nan)
    for cell in cells.itertuples():
        row, column = kurtoses.index(cell.kurtosis), conditions.index(cell.condition)
        gain = SpeedUp(cell.speed_up, Bound(cell.bound))
        colours[row, column] = np.log2(gain.ratio)
        _draw_cell(ax, row, column, gain, is_short=cell.steps_1 < FEW)
    image = ax.imshow(colours, norm=NORM, cmap=MAP, origin="lower", aspect="auto")
    labels = [f"$10^{{{np.log10(condition):.3g}}}$" for condition in conditions]
    ax.set_xticks(range(len(conditions)), labels=labels)
    labels = [f"{kurtosis:g}" for kurtosis in kurtoses] if len(kurtoses) > 1 else ["any"]
    ax.set_yticks(range(len(kurtoses)), labels=labels)
    return image


def _draw_cell(ax: Axes, row: int, column: int, gain: SpeedUp, is_short: bool) -> None:
    """Draw the number of a cell, in italics where its run is short; or hatch it."""
    if not gain.is_known:
        corner = column - 0.5, row - 0.5
        look = {"facecolor": UNKNOWN_COLOUR, "edgecolor": "#aaaaaa", "hatch": "///"}
        ax.add_patch(Rectangle(corner, 1, 1, **look))
        return
    is_dark = abs(np.log2(gain.ratio)) > 0.65 * LARGEST
    look = {"color": "white" if is_dark else "black"}
    if is_short:
        look = {"color": "#444444", "style": "italic"}
    # Low in its cell: the circle of a measured problem must leave it legible.
    place = column, row - 0.3
    ax.text(*place, gain.text(digits=2), ha="center", va="center", fontsize=8, **look)


def _mark(ax: Axes, cells: pd.DataFrame, measured: dict[str, Any]) -> str:
    """Draw a circle where a measured problem lies, in its speed-up's colour; return its legend.

    Args:
        ax: A panel.
        cells: The cells of the panel.
        measured: The cell of the measured problem.
    """
    x = _position(measured["condition"], sorted(cells["condition"].unique()))
    y = _position(measured["kurtosis"], sorted(cells["kurtosis"].unique()))
    gain = SpeedUp(measured["speed_up"], Bound(measured["bound"]))
    colour = colormaps[MAP](NORM(np.log2(gain.ratio))) if gain.is_known else UNKNOWN_COLOUR
    edge = {"markeredgecolor": "black", "markeredgewidth": 1.8}
    ax.plot(x, y, "o", markersize=11, markerfacecolor=colour, **edge)
    return f"○ {measured['problem']} {gain.text(digits=2) if gain.is_known else 'neither'}"


def _position(value: float, ticks: Sequence[float]) -> float:
    """Return where a value lies on an axis on which ticks with these values have distance 1."""
    return float(np.interp(np.log(value), np.log(ticks), np.arange(len(ticks))))
