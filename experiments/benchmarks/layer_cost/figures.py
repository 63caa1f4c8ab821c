"""The figures of `layer_cost`, from the results of its run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from experiments.benchmarks.layer_cost.claims import DEEP, TOLERANCE, WORKLOAD, predicted
from experiments.harness import figures
from overparam_tf.runlog import RunFolder

# Marker and colour by contestant.
LOOKS = {
    "chain": ("s", 0),
    "kernel": ("D", 1),
    "auto": ("o", 2),
    "collapsed": ("^", 3),
    "in place": ("v", 4),
}
LABELS = {"auto": 'factors, "auto"', "in place": "products in place"}
PREDICTED = "what multiply-adds say"


def draw_all(folder: RunFolder, record: dict[str, Any], results: pd.DataFrame) -> list[Path]:
    """Draw the figures of the parts that were measured.

    Args:
        folder: The run folder.
        record: Its config.json.
        results: Its results.csv.
    """
    dense, models = (results[results["part"] == part] for part in ("dense", "models"))
    drawn = []
    if len(dense):
        drawn.append(_draw_orders(folder, record, dense[dense["mode"] == "step"]))
        drawn.append(_draw_dense(folder, record, dense))
    if len(models):
        drawn.append(_draw_models(folder, record, models))
    return drawn


def _draw_orders(folder: RunFolder, record: dict[str, Any], steps: pd.DataFrame) -> Path:
    """Draw both fixed orders and "auto" over the better fixed order, a panel for each compiler."""
    compilers = list(dict.fromkeys(steps["compiler"]))
    title = "Training step of FactorizedDense: either order of multiplication, and the choice"
    figure, axes = _new_figure(len(compilers), title, steps)
    for ax, compiler in zip(axes, compilers, strict=True):
        rows = steps[steps["compiler"] == compiler]
        _plot_dots(ax, rows, ("chain", "kernel", "auto"), "to_better")
        ax.axvline(TOLERANCE, color=figures.GREY, linestyle=":")
        xlabel = f"time over the better fixed order (dotted: {TOLERANCE:g})"
        ax.set(title=f"compiled: {compiler}", xlabel=xlabel)
    return _save(figure, folder, "orders", record)


def _draw_dense(folder: RunFolder, record: dict[str, Any], dense: pd.DataFrame) -> Path:
    """Draw the chosen order over `Dense`: a step, and a call before and after collapse."""
    compiler = dense["compiler"].iloc[0]
    rows = dense[dense["compiler"] == compiler]
    title = f"FactorizedDense over Dense, compiled: {compiler}"
    figure, axes = _new_figure(2, title, dense)
    for ax, mode, text in zip(axes, ("step", "inference"), ("training step", "call"), strict=True):
        _plot_dots(ax, rows[rows["mode"] == mode], ("auto", "collapsed"), "to_plain")
        ax.set(title=text, xlabel="time over Dense")
    return _save(figure, folder, "dense", record)


def _draw_models(folder: RunFolder, record: dict[str, Any], models: pd.DataFrame) -> Path:
    """Draw factorised over plain layers: `fit`, and a call before and after collapse."""
    title = "Layers of a convolutional network and of a transformer block"
    figure, axes = _new_figure(2, title, models)
    texts = ("a step of fit", "compiled call")
    for ax, mode, text in zip(axes, ("fit", "inference"), texts, strict=True):
        rows = models[models["mode"] == mode]
        _plot_dots(ax, rows, ("auto", "in place", "collapsed"), "to_plain")
        ax.set(title=text, xlabel="time over the plain layer")
    return _save(figure, folder, "models", record)


def _new_figure(columns: int, title: str, results: pd.DataFrame) -> tuple[Figure, list[Axes]]:
    workloads = results[WORKLOAD].drop_duplicates()
    return figures.new_figure(columns, title, height=2.0 + 0.32 * len(workloads))


def _save(figure: Figure, folder: RunFolder, name: str, record: dict[str, Any]) -> Path:
    versions = record["versions"]
    note = (
        "random data · depth 2, default width · float32 · "
        "dots: median of the rounds, lines: least to largest · "
        f"{record['options']['seconds']} s a comparison · {record['machine']} · "
        f"TensorFlow {versions['tensorflow']}, Keras {versions['keras']}"
    )
    *_, last = figure.axes
    figure.legend(*last.get_legend_handles_labels(), loc="outside right center", fontsize=9)
    return figures.save_figure(figure, folder, name, note, record)


def _plot_dots(ax: Axes, rows: pd.DataFrame, contestants: Sequence[str], column: str) -> None:
    """Draw a line of the panel for each layer and batch: a dot with its spread a contestant.

    Args:
        ax: The panel.
        rows: The results.
        contestants: The contestants to draw, as far as they were measured.
        column: The ratio; its least and largest value are in `COLUMN_low` and `COLUMN_high`.
    """
    workloads = list(dict.fromkeys(zip(rows["layer"], rows["batch"], strict=True)))
    for index, name in enumerate(contestants):
        dots = rows[rows["contestant"] == name]
        if not len(dots):
            continue
        offset = 0.22 * (index - (len(contestants) - 1) / 2)
        keys = zip(dots["layer"], dots["batch"], strict=True)
        y = [workloads.index(key) + offset for key in keys]
        marker, number = LOOKS[name]
        colour, label = figures.colour(number), LABELS.get(name, name)
        ax.plot(dots[column], y, marker, color=colour, markersize=5, label=label)
        ax.hlines(y, dots[f"{column}_low"], dots[f"{column}_high"], color=colour, linewidth=1)
        if name in DEEP and column == "to_plain":
            look = {"markersize": 11, "markeredgewidth": 1.5}
            ax.plot(predicted(rows, name), y, "k|", **look, label=PREDICTED if index == 0 else None)
    ax.axvline(1, color=figures.GREY, linewidth=0.9)
    _set_ratio_axis(ax, rows[column].dropna())
    labels = [f"{layer}, batch {batch}" for layer, batch in workloads]
    ax.set_yticks(range(len(labels)), labels=labels)
    ax.invert_yaxis()


def _set_ratio_axis(ax: Axes, medians: pd.Series) -> None:
    """Set a logarithmic x axis with plain numbers, at most twice as far as the medians."""
    ax.set_xscale("log")
    # One disturbed round must not squeeze all medians together.
    left, right = ax.get_xlim()
    ax.set_xlim(max(left, medians.min() / 2), min(right, medians.max() * 2))
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
