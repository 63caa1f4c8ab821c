"""Heat maps of optimizer by depth, a panel for each loss: the speed-up, and the range of rates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from experiments.speedup.ratios import MAIN_TARGET, estimate_of, with_labels
from experiments.speedup.scale import LARGEST, clip_to_scale

# Points. One of the maps is shown in README, scaled down to the width of a page.
CELL_SIZE, LABEL_SIZE, TITLE_SIZE = 12, 13, 15
# Inches of a cell, and of what stands around the cells: names, colour bar, titles, note.
CELL_WIDTH, CELL_HEIGHT = 0.66, 0.44
MARGIN_WIDTH, MARGIN_HEIGHT = 2.4, 1.7


def speed_up_map(ratios: pd.DataFrame, title: str) -> Figure:
    """Draw the speed-up to the main target: blue where depth helps, red where it hurts.

    A star marks an interval that leaves out 1.

    Args:
        ratios: What `ratios_of` or `in_time` returned.
        title: The figure's title.
    """
    main = ratios[(ratios["target"] == MAIN_TARGET) & (ratios["depth"] > 1)]
    figure, axes = _panels(main, title)
    decades = int(np.log2(LARGEST))
    scale = TwoSlopeNorm(0, -decades, decades)
    for ax, (_, rows) in zip(axes, main.groupby("p"), strict=True):
        cells = with_labels(rows.assign(value=np.log2(clip_to_scale(rows["ratio"]))))
        table = _table(cells, main["group"].unique())
        image = ax.imshow(table, cmap="RdBu", norm=scale, aspect="auto")
        for _, row in cells.iterrows():
            is_dark = abs(row["value"]) > 2.5
            _write(ax, table, row, _speed_up_text(row), "white" if is_dark else "black")
        _name_cells(ax, table)
    ticks = range(-decades, decades + 1, 2)
    bar = figure.colorbar(image, ax=axes, shrink=0.9, ticks=ticks)
    bar.set_label("blue: depth helps", fontsize=LABEL_SIZE)
    bar.ax.set_yticklabels(["1/16", "1/4", "1", "4", "16"], fontsize=CELL_SIZE)
    return figure


def _speed_up_text(row: pd.Series) -> str:
    """Return e.g. `"1.3*"`, `">2"` or `"?"`, within the ends of the scale."""
    estimate = estimate_of(row)
    if not estimate.speed_up.is_known:
        return "?"
    ratio, star = 2 ** row["value"], "" if estimate.helps is None else "*"
    digits = 2 if ratio >= 0.1 else 1
    return f"{estimate.speed_up.bound.mark}{ratio:.{digits}g}{star}"


def good_range_map(ratios: pd.DataFrame, title: str) -> Figure:
    """Draw how many decades of rates are good; see `good_range`.

    Args:
        ratios: What `ratios_of` returned.
        title: The figure's title.
    """
    main = ratios[ratios["target"] == MAIN_TARGET]
    figure, axes = _panels(main, title)
    for ax, (_, rows) in zip(axes, main.groupby("p"), strict=True):
        cells = with_labels(rows.assign(value=rows["good_range"]))
        table = _table(cells, main["group"].unique())
        image = ax.imshow(table, cmap="viridis", vmin=0, vmax=1.5, aspect="auto")
        for _, row in cells.iterrows():
            text = "never" if np.isnan(row["value"]) else f"{row['value']:.1f}"
            _write(ax, table, row, text, "black" if row["value"] > 0.9 else "white")
        _name_cells(ax, table)
    bar = figure.colorbar(image, ax=axes, shrink=0.9)
    bar.set_label("decades", fontsize=LABEL_SIZE)
    bar.ax.tick_params(labelsize=CELL_SIZE)
    return figure


def _panels(rows: pd.DataFrame, title: str) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel for each loss; the optimizers' names stand on the first."""
    powers = sorted(rows["p"].unique())
    columns = [with_labels(rows[rows["p"] == p])["label"].nunique() for p in powers]
    width = MARGIN_WIDTH + CELL_WIDTH * sum(columns) + 0.3 * len(powers)
    height = MARGIN_HEIGHT + CELL_HEIGHT * rows["group"].nunique()
    figure = Figure(figsize=(max(width, 6.4), height), layout="constrained")
    axes = figure.subplots(
        1, len(powers), squeeze=False, sharey=True, gridspec_kw={"width_ratios": columns}
    )[0]
    figure.suptitle(title, fontsize=TITLE_SIZE)
    for ax, p in zip(axes, powers, strict=True):
        ax.set_title(f"$l_{{{p}}}$ loss", fontsize=LABEL_SIZE)
        ax.set_xlabel("depth N", fontsize=LABEL_SIZE)
        ax.tick_params(labelsize=LABEL_SIZE, length=0)
    return figure, list(axes)


def _table(cells: pd.DataFrame, optimizers: Sequence[str]) -> pd.DataFrame:
    """Return the column `value` as optimizers by depths.

    The panels share their rows: an optimizer that was not trained under this loss has an empty one.
    """
    labelled = with_labels(cells)
    table = labelled.pivot(index="group", columns="label", values="value")
    labels = list(dict.fromkeys(labelled["label"]))
    return table.reindex(index=optimizers, columns=labels).astype(float)


def _name_cells(ax: Axes, table: pd.DataFrame) -> None:
    """Name rows and columns on the axes."""
    ax.set_xticks(range(table.shape[1]), table.columns)
    ax.set_yticks(range(table.shape[0]), table.index)


def _write(ax: Axes, table: pd.DataFrame, row: pd.Series, text: str, colour: str) -> None:
    """Write a text into the cell of a row of the table of speed-ups."""
    column, line = table.columns.get_loc(row["label"]), table.index.get_loc(row["group"])
    ax.text(column, line, text, ha="center", va="center", fontsize=CELL_SIZE, color=colour)
