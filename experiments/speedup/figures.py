"""The figures of `experiments.speedup`, from its table of ratios."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from experiments.harness import figures
from experiments.speedup.claims import MAIN_TARGET, in_time
from overparam_tf.runlog import RunFolder

LARGEST = 16.0  # ratios beyond it, or its inverse, are drawn at the edge of the scale


def draw_all(folder: RunFolder, config: dict, ratios: pd.DataFrame) -> list[Path]:
    """Ratio against target per optimizer (a figure a loss), optimizer x depth, and the sensitivity to the rate.

    Optimizer x depth once more at the price of a step, if that is known.
    """
    drawn = [_against_target(folder, config, p, rows) for p, rows in ratios.groupby("p")]
    drawn.append(_heat_map(folder, config, ratios, "optimizer_by_depth", "Speed-up in steps"))
    if len(timed := in_time(ratios)):
        drawn.append(
            _heat_map(folder, config, timed, "optimizer_by_depth_in_time", "Speed-up in time")
        )
    return [*drawn, _sensitivity(folder, config, ratios)]


def _save(figure: Figure, folder: RunFolder, config: dict, name: str) -> Path:
    note = (
        f"{config['data']['label']} · mean(e^p)/p, no biases · {config['options']['init']} start · {config['steps']:,} "
        f"steps · seeds {', '.join(map(str, config['seeds']))} · {config['options']['dtype']} · {config['machine']}"
    )
    return figures.save_figure(
        figure, folder.figures / f"{name}.png", note, config["data"]["synthetic"]
    )


def _shown(ratios: pd.Series, bounds: pd.Series) -> np.ndarray:
    """Ratios within the scale; where one side never got there, the bound that the length of the run gives."""
    return np.clip(
        ratios.where(np.isfinite(ratios) & (ratios > 0), bounds), 1 / LARGEST, LARGEST
    ).to_numpy(float)


def _ratio_axis(ax: Axes) -> None:
    ax.set(yscale="log", ylim=(0.9 / LARGEST, 1.1 * LARGEST))
    ticks = 2.0 ** np.arange(-4, 5)
    ax.set_yticks(ticks, [f"{tick:g}" if tick >= 1 else f"1/{1 / tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.axhline(1, color="#888888", linewidth=0.8)


def _against_target(folder: RunFolder, config: dict, p: int, ratios: pd.DataFrame) -> Path:
    """A panel an optimizer; triangles are bounds, where one of the two never got to the target."""
    groups, targets = list(ratios["group"].unique()), list(ratios["target"].unique())
    depths, columns = sorted(ratios.loc[ratios["depth"] > 1, "depth"].unique()), min(4, len(groups))
    figure, axes = _grid(
        -(-len(groups) // columns),
        columns,
        f"L{p}: steps of depth 1 over steps of depth N (triangles: bounds)",
    )
    for ax, group in zip(axes, groups, strict=False):
        deeper = ratios[(ratios["group"] == group) & (ratios["depth"] > 1)]
        for depth, rows in deeper.groupby("depth"):
            index = depths.index(depth)
            place = np.arange(len(targets)) + 0.1 * (index - (len(depths) - 1) / 2)
            value, colour = _shown(rows["ratio"], rows["bound"]), figures.colour(index)
            low, high = (
                np.clip(rows[end].to_numpy(float), 1 / LARGEST, LARGEST) for end in ("low", "high")
            )
            bars = np.maximum([value - low, high - value], 0)
            style, name = ("--", "rule, depth") if depth != int(depth) else ("-", "depth")
            ax.errorbar(
                place,
                value,
                bars,
                fmt=style,
                color=colour,
                linewidth=1,
                capsize=2,
                label=f"{name} {depth:g}",
            )
            for marker, some in (
                ("o", np.isfinite(rows["ratio"]) & (rows["ratio"] > 0)),
                ("^", np.isinf(rows["ratio"])),
                ("v", rows["ratio"] == 0),
            ):
                ax.plot(place[some], value[some], marker, color=colour, markersize=4)
        _ratio_axis(ax)
        ax.set(title=group, xlabel="excess loss left", xlim=(-0.5, len(targets) - 0.5))
        ax.set_xticks(range(len(targets)), targets)
    axes[0].set_ylabel("speed-up (above 1 depth helps)")
    axes[0].legend(fontsize=7)
    return _save(figure, folder, config, f"ratio_against_target_l{p}")


def _grid(rows: int, columns: int, title: str) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(0.8 + 3.4 * columns, 0.8 + 3.2 * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False, sharey=True).ravel())
    figure.suptitle(title)
    for ax in axes:
        ax.grid(alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _heat_map(folder: RunFolder, config: dict, ratios: pd.DataFrame, name: str, what: str) -> Path:
    """Optimizer x depth at the main target: blue helps, red hurts; a star where the interval leaves out 1."""
    main = ratios[(ratios["target"] == MAIN_TARGET) & (ratios["depth"] > 1)]
    scale = TwoSlopeNorm(0, -np.log2(LARGEST), np.log2(LARGEST))
    key = "* interval leaves out 1; >, < bounds; ? neither got there"
    figure, axes = _maps(main, f"{what}, down to {MAIN_TARGET} of the excess loss ({key})")
    for ax, (_, rows) in zip(axes, main.groupby("p"), strict=True):
        cells = rows.assign(shown=np.log2(_shown(rows["ratio"], rows["bound"])))
        table = _table(ax, cells, "shown")
        image = ax.imshow(table, cmap="RdBu", norm=scale, aspect="auto")
        for _, row in cells.iterrows():
            mark = ">" if np.isinf(row["ratio"]) else "<" if row["ratio"] == 0 else ""
            text = (
                "?"
                if np.isnan(row["ratio"])
                else f"{mark}{2 ** row['shown']:.3g}{'' if row['helps'] is None else '*'}"
            )
            dark = abs(row["shown"]) > 2.5
            _write(ax, table, row, text, "white" if dark else "black")
    bar = figure.colorbar(
        image, ax=axes, shrink=0.8, ticks=range(-4, 5, 2), label="speed-up (blue: depth helps)"
    )
    bar.ax.set_yticklabels(["1/16", "1/4", "1", "4", "16"])
    return _save(figure, folder, config, name)


def _sensitivity(folder: RunFolder, config: dict, ratios: pd.DataFrame) -> Path:
    """Optimizer x depth: how many decades of rates are good."""
    main = ratios[ratios["target"] == MAIN_TARGET]
    figure, axes = _maps(
        main, f"Decades of rates within twice the fewest steps to {MAIN_TARGET} of the excess loss"
    )
    for ax, (_, rows) in zip(axes, main.groupby("p"), strict=True):
        table = _table(ax, rows, "good_range")
        image = ax.imshow(table, cmap="viridis", vmin=0, vmax=1.5, aspect="auto")
        for _, row in rows.iterrows():
            text = "never" if np.isnan(row["good_range"]) else f"{row['good_range']:.1f}"
            _write(ax, table, row, text, "black" if row["good_range"] > 0.9 else "white")
    figure.colorbar(image, ax=axes, shrink=0.8, label="decades")
    return _save(figure, folder, config, "rate_sensitivity")


def _maps(ratios: pd.DataFrame, title: str) -> tuple[Figure, list[Axes]]:
    powers = sorted(ratios["p"].unique())
    figure, axes = figures.new_figure(
        len(powers), title, height=1.6 + 0.45 * ratios["group"].nunique()
    )
    for ax, p in zip(axes, powers, strict=True):
        ax.grid(False)
        ax.set(title=f"L{p}", xlabel="depth (fractional: the end-to-end rule)")
    return figure, axes


def _table(ax: Axes, rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """The cells, optimizers in their order x depths, with the ticks that name them."""
    order: Sequence[str] = list(rows["group"].unique())
    table = rows.pivot(index="group", columns="depth", values=column).reindex(order).astype(float)
    ax.set_xticks(range(table.shape[1]), [f"{depth:g}" for depth in table.columns])
    ax.set_yticks(range(table.shape[0]), order)
    return table


def _write(ax: Axes, table: pd.DataFrame, row: pd.Series, text: str, colour: str) -> None:
    at = table.columns.get_loc(row["depth"]), table.index.get_loc(row["group"])
    ax.text(*at, text, ha="center", va="center", fontsize=8, color=colour)
