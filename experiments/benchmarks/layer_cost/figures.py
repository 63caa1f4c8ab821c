"""The figures of `experiments.layer_cost`, from the results of its run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from experiments.benchmarks.layer_cost.claims import TOLERANCE
from experiments.harness import figures
from overparam_tf.runlog import RunFolder

LOOK = {"chain": ("s", 0), "kernel": ("D", 1), "auto": ("o", 2), "collapsed": ("^", 3)}
LABELS = {"auto": 'factors, "auto"'}
PREDICTED = "what multiply-adds say"


def draw_all(folder: RunFolder, config: dict, results: pd.DataFrame) -> list[Path]:
    """The figures of the parts that were measured."""
    dense, models = (results[results["part"] == part] for part in ("dense", "models"))
    drawn = []
    if len(dense):
        drawn += [
            _orders(folder, config, dense[dense["mode"] == "step"]),
            _dense(folder, config, dense),
        ]
    if len(models):
        drawn.append(_models(folder, config, models))
    return drawn


def _save(figure, folder: RunFolder, name: str, config: dict) -> Path:
    versions = config["versions"]
    note = (
        f"random data · depth 2, default width · float32 · dots: median of the rounds, lines: least to largest · "
        f"{config['seconds']:g} s a comparison · {config['machine']} · TensorFlow {versions['tensorflow']}, "
        f"Keras {versions['keras']}"
    )
    figure.legend(
        *figure.axes[-1].get_legend_handles_labels(), loc="outside right center", fontsize=9
    )
    return figures.save_figure(figure, folder.figures / f"{name}.png", note, synthetic=False)


def _orders(folder: RunFolder, config: dict, steps: pd.DataFrame) -> Path:
    """A panel for each compiler: both fixed orders and "auto" over the better fixed order."""
    compilers = list(dict.fromkeys(steps["compiler"]))
    title = "Training step of FactorizedDense: either order of multiplication, and the choice"
    figure, axes = _new(len(compilers), title, steps)
    for ax, compiler in zip(axes, compilers, strict=True):
        cells = steps[steps["compiler"] == compiler]
        _dots(ax, cells, ("chain", "kernel", "auto"), "to_better")
        ax.axvline(TOLERANCE, color="#888888", linestyle=":")
        ax.set(
            title=f"compiled: {compiler}",
            xlabel=f"time over the better fixed order (dotted: {TOLERANCE:g})",
        )
    return _save(figure, folder, "orders", config)


def _dense(folder: RunFolder, config: dict, dense: pd.DataFrame) -> Path:
    """The chosen order over `Dense`: a step, and a call before and after collapse."""
    compiler = dense["compiler"].iloc[0]
    figure, (left, right) = _new(2, f"FactorizedDense over Dense, compiled: {compiler}", dense)
    for ax, mode, text in ((left, "step", "training step"), (right, "inference", "call")):
        cells = dense[(dense["mode"] == mode) & (dense["compiler"] == compiler)]
        _dots(ax, cells, ("auto", "collapsed"), "to_plain")
        ax.set(title=text, xlabel="time over Dense")
    return _save(figure, folder, "dense", config)


def _models(folder: RunFolder, config: dict, models: pd.DataFrame) -> Path:
    """The factorised layers over the plain ones: `fit`, and a call before and after collapse."""
    figure, (left, right) = _new(
        2, "Layers of a convolutional network and of a transformer block", models
    )
    for ax, mode, text in ((left, "fit", "a step of fit"), (right, "inference", "compiled call")):
        _dots(ax, models[models["mode"] == mode], ("auto", "collapsed"), "to_plain")
        ax.set(title=text, xlabel="time over the plain layer")
    return _save(figure, folder, "models", config)


def _new(columns: int, title: str, rows: pd.DataFrame):
    cells = rows[["layer", "batch"]].drop_duplicates()
    return figures.new_figure(columns, title, height=2.0 + 0.32 * len(cells))


def _dots(ax: Axes, cells: pd.DataFrame, contestants: Sequence[str], column: str) -> None:
    """A line of the panel for each layer and batch: a dot with its spread for each contestant."""
    labels = list(dict.fromkeys(zip(cells["layer"], cells["batch"], strict=True)))
    places = {label: place for place, label in enumerate(labels)}
    for index, name in enumerate(contestants):
        rows = cells[cells["contestant"] == name]
        if not len(rows):
            continue
        marker, colour = LOOK[name]
        offset = 0.22 * (index - (len(contestants) - 1) / 2)
        y = [places[label] + offset for label in zip(rows["layer"], rows["batch"], strict=True)]
        look = {"color": figures.colour(colour), "marker": marker, "markersize": 5, "linestyle": ""}
        ax.plot(rows[column], y, label=LABELS.get(name, name), **look)
        ax.hlines(
            y, rows[f"{column}_low"], rows[f"{column}_high"], color=look["color"], linewidth=1
        )
        if name == "auto" and column == "to_plain":
            plain = cells[cells["contestant"] == "plain"]["timed_multiply_adds"].to_numpy()
            predicted = rows["timed_multiply_adds"].to_numpy() / plain
            ax.plot(predicted, y, "k|", markersize=11, markeredgewidth=1.5, label=PREDICTED)
    ax.axvline(1, color="#888888", linewidth=0.9)
    ax.set_xscale("log")
    # A round that something else disturbed must not squeeze all medians together.
    medians, (left, right) = cells[column].dropna(), ax.get_xlim()
    ax.set_xlim(max(left, medians.min() / 2), min(right, medians.max() * 2))
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yticks(range(len(labels)), labels=[f"{layer}, batch {batch}" for layer, batch in labels])
    ax.invert_yaxis()
