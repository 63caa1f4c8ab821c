"""The figures of `experiments.when_depth_helps`, from the tables of its run folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullFormatter

from experiments.harness import figures
from experiments.when_depth_helps.cells import FEW
from overparam_tf.runlog import RunFolder

MARKERS = "osDPX*ph"  # no triangles: those mark bounds
# Colours saturate at a speed-up of 2^3; white is 1.
LARGEST = 3.0
NORM, MAP = Normalize(-LARGEST, LARGEST), "RdBu"


def draw_all(
    folder: RunFolder, config: dict, cells: pd.DataFrame, theory: pd.DataFrame
) -> list[Path]:
    """A phase diagram per target, the speed-up against kurtosis, and against the steps there are to save."""
    targets = sorted(cells["target"].unique(), reverse=True)
    return [
        *(_phase_diagram(folder, config, cells, target) for target in targets),
        _against_kurtosis(folder, config, cells, theory, targets[-1]),
        _against_steps(folder, config, cells),
    ]


def _save(figure, folder: RunFolder, name: str, config: dict) -> Path:
    options, data = config["options"], config["data"]
    note = (
        f"generated problems ({options['rows']} x {options['features']}, {options['explained']:.0%} explained) and "
        f"{data['label']} · mean(e^p)/p · balanced start N(0, 0.01²) · seeds {', '.join(map(str, options['seeds']))} · "
        f"best of {options['rates_per_decade']} rates a decade · at most {config['limit']:,} steps · "
        f"{options['dtype']} · {config['machine']}"
    )
    return figures.save_figure(figure, folder.figures / f"{name}.png", note, data["synthetic"])


def _phase_diagram(folder: RunFolder, config: dict, cells: pd.DataFrame, target: float) -> Path:
    """log2 of the speed-up over condition number and kurtosis, a panel per p and alignment."""
    cells = cells[cells["target"] == target]
    generated, measured = (
        cells[cells["problem"] == "generated"],
        cells[cells["problem"] != "generated"],
    )
    powers, alignments = sorted(generated["p"].unique()), sorted(generated["alignment"].unique())
    nearest = min(
        alignments, key=lambda alignment: abs(alignment - config["data"]["measured"]["alignment"])
    )
    # At p = 2 one row of cells stands for every kurtosis.
    heights = [1.0 + 0.4 * generated.loc[generated["p"] == p, "kurtosis"].nunique() for p in powers]
    figure = Figure(figsize=(2.2 + 3.9 * len(alignments), 1.3 + sum(heights)), layout="constrained")
    figure.suptitle(
        f"Steps of depth 1 / steps of depth 2, down to {target:g} of the zero kernel's excess loss"
    )
    axes = figure.subplots(len(powers), len(alignments), squeeze=False, height_ratios=heights)
    for row, p in zip(axes, powers, strict=True):
        for ax, alignment in zip(row, alignments, strict=True):
            chosen = generated[(generated["p"] == p) & (generated["alignment"] == alignment)]
            image = _panel(ax, chosen)
            marked = measured[(measured["p"] == p) & (alignment == nearest)].to_dict("records")
            ax.set_title(
                ", ".join(
                    [f"p = {p}, alignment {alignment:g}", *(_mark(ax, chosen, m) for m in marked)]
                )
            )
            ax.title.set_fontsize(10)
        row[0].set_ylabel("kurtosis of the label")
    for ax in axes[-1]:
        ax.set_xlabel("condition number of $x^T x$")
    ticks = np.arange(-LARGEST, LARGEST + 1)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, extend="both", pad=0.01, ticks=ticks)
    bar.ax.set_yticklabels([f"{2.0**tick:g}" for tick in ticks])
    bar.set_label(
        "speed-up (blue: depth 2 is faster)\n>, <: a bound, one depth did not get there; hatched: neither did\n"
        f"italics: fewer than {FEW} steps at depth 1"
    )
    return _save(figure, folder, f"phase_diagram_{target:g}".replace(".", "_"), config)


def _panel(ax: Axes, cells: pd.DataFrame) -> AxesImage:
    """One heat map, with the number in every cell."""
    conditions, kurtoses = sorted(cells["condition"].unique()), sorted(cells["kurtosis"].unique())
    values = np.full((len(kurtoses), len(conditions)), np.nan)
    for cell in cells.itertuples():
        i, j = kurtoses.index(cell.kurtosis), conditions.index(cell.condition)
        values[i, j] = np.log2(cell.speed_up)
        if cell.bound == "?":
            ax.add_patch(
                Rectangle(
                    (j - 0.5, i - 0.5), 1, 1, facecolor="#f4f4f4", edgecolor="#aaaaaa", hatch="///"
                )
            )
            continue
        look = {"color": "white" if abs(values[i, j]) > 0.65 * LARGEST else "black"}
        if cell.steps_1 < FEW:
            look |= {"color": "#444444", "style": "italic"}
        # Low in its cell: the circle of a measured problem is to leave it legible.
        ax.text(
            j,
            i - 0.3,
            f"{cell.bound}{cell.speed_up:.2g}",
            ha="center",
            va="center",
            fontsize=8,
            **look,
        )
    image = ax.imshow(values, norm=NORM, cmap=MAP, origin="lower", aspect="auto")
    ax.set_xticks(
        range(len(conditions)), labels=[f"$10^{{{np.log10(c):.3g}}}$" for c in conditions]
    )
    ax.set_yticks(
        range(len(kurtoses)), labels=["any"] if len(kurtoses) == 1 else [f"{k:g}" for k in kurtoses]
    )
    return image


def _mark(ax: Axes, cells: pd.DataFrame, data: dict) -> str:
    """A circle at the measured problem's condition number and kurtosis, in its speed-up's colour; says what it is."""
    x, y = (
        np.interp(np.log(data[axis]), np.log(values), np.arange(len(values)))
        for axis, values in (
            (axis, sorted(cells[axis].unique())) for axis in ("condition", "kurtosis")
        )
    )
    known = data["bound"] != "?"
    colour = colormaps[MAP](NORM(np.log2(data["speed_up"]))) if known else "#f4f4f4"
    ax.plot(
        x,
        y,
        "o",
        markersize=11,
        markerfacecolor=colour,
        markeredgecolor="black",
        markeredgewidth=1.8,
    )
    return f"○ {data['problem']} " + (
        f"{data['bound']}{data['speed_up']:.2g}" if known else "neither"
    )


def _against_kurtosis(
    folder: RunFolder, config: dict, cells: pd.DataFrame, theory: pd.DataFrame, target: float
) -> Path:
    """Speed-up against kurtosis, a curve per condition number, and the two-example theory where it applies."""
    generated = cells[
        (cells["problem"] == "generated") & (cells["target"] == target) & (cells["p"] > 2)
    ]
    powers, alignment = sorted(generated["p"].unique()), generated["alignment"].min()
    conditions = sorted(generated["condition"].unique())
    title = f"Speed-up against the label's tail: alignment {alignment:g}, target {target:g}"
    figure, axes = figures.new_figure(max(len(powers), 1), title, height=5)
    for ax, p in zip(axes, powers, strict=False):
        chosen = generated[
            (generated["p"] == p)
            & (generated["alignment"] == alignment)
            & (generated["bound"] != "?")
        ]
        for condition, line in chosen.groupby("condition"):
            index = conditions.index(condition)
            look = {
                "color": figures.colour(index),
                "marker": MARKERS[index % len(MARKERS)],
                "markersize": 5,
            }
            spread = np.abs(line[["low", "high"]].to_numpy() - line[["speed_up"]].to_numpy()).T
            label = f"condition number {condition:.0e}"
            ax.errorbar(
                line["kurtosis"],
                line["speed_up"],
                spread,
                capsize=2,
                linewidth=1.2,
                label=label,
                **look,
            )
            for bound, shift in ((">", 1.12), ("<", 1 / 1.12)):
                some = line[line["bound"] == bound]
                arrow = {
                    "color": look["color"],
                    "marker": "^" if bound == ">" else "v",
                    "linestyle": "",
                }
                ax.plot(some["kurtosis"], shift * some["speed_up"], **arrow)
        rows = theory[theory["p"] == p].sort_values("kurtosis")
        ax.plot(
            rows["kurtosis"],
            rows["speed_up"],
            "k-",
            linewidth=2.5,
            label="theory: two examples (y, 1), condition 1",
        )
        if len(rows):
            ends = [rows["kurtosis"].max(), max(chosen["kurtosis"].max(), 2)]
            ax.plot(
                ends,
                [rows["speed_up"].iloc[-1]] * 2,
                "k:",
                linewidth=1.5,
                label="the same for larger y, about",
            )
        ax.axhline(1, color="#888888", linestyle=":")
        figures.log_loss_axis(ax)
        ax.set(
            title=f"p = {p} (triangles: bounds)",
            xlabel="kurtosis of the label",
            ylabel="speed-up",
            xscale="log",
        )
        ticks = sorted({1.0, *chosen["kurtosis"]})
        ax.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks], minor=False)
        ax.xaxis.set_minor_formatter(NullFormatter())
    # One for all panels, outside: the curves leave no room.
    labelled = {
        label: handle
        for ax in axes
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    figure.legend(labelled.values(), labelled.keys(), loc="outside right upper", fontsize=8)
    return _save(figure, folder, "speed_up_against_kurtosis", config)


def _against_steps(folder: RunFolder, config: dict, cells: pd.DataFrame) -> Path:
    """Speed-up against the steps of depth 1, a point per cell, a panel per target and p; dotted: the ceiling."""
    known = cells[(cells["bound"] != "?") & (cells["p"] > 2)]
    powers, targets = sorted(known["p"].unique()), sorted(known["target"].unique(), reverse=True)
    figure, axes = figures.new_figure(
        max(len(powers), 1), "Speed-up against the steps there are to save", height=5
    )
    for ax, p in zip(axes, powers, strict=False):
        for index, target in enumerate(targets):
            group = known[(known["p"] == p) & (known["target"] == target)]
            points, look = (
                group[group["problem"] == "generated"],
                {"color": figures.colour(index), "linestyle": ""},
            )
            steps = points["steps_1"].fillna(config["limit"])
            ax.plot(
                steps,
                points["speed_up"],
                "o",
                markersize=4,
                alpha=0.7,
                label=f"target {target:g}",
                **look,
            )
            bounds = points[points["bound"] == ">"]
            ax.plot(steps[bounds.index], 1.15 * bounds["speed_up"], "^", markersize=5, **look)
            ax.axhline(target ** -((p - 2) / p), color=look["color"], linestyle=":")
            for data in group[group["problem"] != "generated"].itertuples():
                ax.plot(
                    data.steps_1, data.speed_up, "*", markersize=15, markeredgecolor="black", **look
                )
                ax.annotate(
                    data.problem,
                    (data.steps_1, data.speed_up),
                    (0, 9),
                    textcoords="offset points",
                    ha="center",
                )
        ax.axhline(1, color="#888888", linewidth=0.8)
        ax.set_xscale("log")
        figures.log_loss_axis(ax)
        ax.set(xlabel="steps of depth 1", ylabel="speed-up (triangle: at least)")
        ax.set_title(f"p = {p}; dotted: target^-(p-2)/p, what the curvature loses", fontsize=10)
        ax.legend(fontsize=8)
    return _save(figure, folder, "speed_up_against_steps", config)
