"""The figures of `step_cost`, from the tables of its run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.benchmarks.step_cost.history import read_history, with_run
from experiments.benchmarks.step_cost.scaling import BASE, fit_exponent
from experiments.benchmarks.step_cost.status import is_measured
from experiments.harness import figures
from overparam_tf.runlog import RunFolder

# Colour by kind of contestant.
KINDS = {"ours": figures.colour(0), "peer": figures.colour(1), "limit": figures.colour(6)}
MARKERS = "os^Dv"


def draw_contest(folder: RunFolder, record: dict[str, Any], results: pd.DataFrame) -> list[Path]:
    """Draw the cost of a run-step, in one figure for the first setting and in one for all.

    Args:
        folder: The run folder.
        record: Its config.json.
        results: Its results.csv.
    """
    return [_draw_run_step(folder, record, results), _draw_settings(folder, record, results)]


def draw_history(
    folder: RunFolder, record: dict[str, Any], results: pd.DataFrame, rounds: pd.DataFrame
) -> Path:
    """Draw the cost of a run-step in each release and in this run, gradient descent at depth 1.

    Args:
        folder: The run folder.
        record: Its config.json.
        results: Its results.csv.
        rounds: Its rounds.csv.
    """
    releases = with_run(read_history(), record, results, rounds)
    title = "Cost of a step of one run by release, gradient descent, depth 1"
    figure, (left, right) = figures.new_figure(2, title, height=5)
    _draw_by_version(left, releases, "ms")
    _draw_by_version(right, releases.dropna(subset="over_products"), "over_products")
    left.set(yscale="log", ylabel="ms per step and run, median")
    right.set(ylabel="as a multiple of two BLAS products, median")
    right.axhline(1, color="grey", linewidth=1)
    note = "each release on the machine of its file in history; this run on"
    return _save(figure, folder, "run_step_by_version", note, record)


def _draw_by_version(ax: Axes, releases: pd.DataFrame, column: str) -> None:
    """Draw a line for each contestant that was measured in several versions."""
    versions = list(releases["version"].unique())
    counts = releases.groupby("contestant", sort=False)["version"].count()
    shown = [name for name in counts.index if counts[name] > 1]
    for index, name in enumerate(shown):
        rows = releases[releases["contestant"] == name]
        places = [versions.index(version) for version in rows["version"]]
        ours = name.startswith("sweep")
        style = {"linestyle": "-" if ours else "--", "linewidth": 2.5 if ours else 1}
        marker = MARKERS[index % len(MARKERS)]
        ax.plot(
            places, rows[column], color=figures.colour(index), label=name, marker=marker, **style
        )
    ax.set_xticks(range(len(versions)), versions)
    if shown:
        ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


def draw_scaling(folder: RunFolder, record: dict[str, Any], scaling: pd.DataFrame) -> list[Path]:
    """Draw time and memory of a step against each size, with exponents fitted at the large end.

    Args:
        folder: The run folder.
        record: Its config.json.
        scaling: Its scaling.csv.
    """
    drawn = []
    for name, points in scaling.groupby("axis", sort=False):
        measured = points[is_measured(points)]
        figure, (left, right) = figures.new_figure(2, f"Cost of a step of the sweep against {name}")
        _plot_growth(left, measured["size"], measured["ms"])
        left.set(xlabel=name, ylabel="ms a step, all runs")
        _plot_growth(right, measured["size"], measured["growth_bytes"] / 1e6)
        right.set(xlabel=name, ylabel="MB above the imports alone")
        constant = [size for size in BASE if points[size].nunique() == 1]
        fixed = ", ".join(f"{size} {points[size].iloc[0]}" for size in constant)
        note = f"generated data · {fixed} · float32"
        drawn.append(_save(figure, folder, f"scaling_{_file_name(name)}", note, record))
    return drawn


def _draw_run_step(folder: RunFolder, record: dict[str, Any], results: pd.DataFrame) -> Path:
    """Draw a bar for each contestant in gradient descent at depth 1."""
    rows = results[(results["optimizer"] == "sgd") & (results["depth"] == 1)]
    rows = rows.dropna(subset="ms").sort_values("ms", ascending=False)
    title = "Cost of a step of one run, gradient descent, depth 1"
    figure, (ax,) = figures.new_figure(1, title, height=1.5 + 0.28 * len(rows))
    for kind, colour in KINDS.items():
        places = np.flatnonzero(rows["kind"] == kind)
        bars = rows.iloc[places]
        ms = bars["ms"]
        spread = np.array([ms - bars["ms_min"], bars["ms_max"] - ms])
        style = {"color": colour, "alpha": 0.8, "error_kw": {"linewidth": 0.8}}
        ax.barh(places, ms, xerr=spread, label=kind, **style)
    ax.set_yticks(range(len(rows)), rows["contestant"], fontsize=8)
    ax.set(xscale="log", xlabel="ms per step and run, median (line: least to most)")
    if len(rows):
        ax.legend(fontsize=8)
    note = f"{record['data']['label']} · mean(e^p)/p, p = 4 · float32"
    return _save(figure, folder, "run_step", note, record)


def _draw_settings(folder: RunFolder, record: dict[str, Any], results: pd.DataFrame) -> Path:
    """Draw a line over the settings for each contestant that was measured in all of them."""
    figure, (ax,) = figures.new_figure(1, "Cost of a step of one run in every setting", height=5)
    settings = list(dict.fromkeys(zip(results["optimizer"], results["depth"], strict=True)))
    counts = results.groupby("contestant", sort=False)["ms"].count()
    for index, name in enumerate(counts.index[counts == len(settings)]):
        rows = results[results["contestant"] == name].set_index(["optimizer", "depth"])
        ours = name.startswith("sweep")
        ax.plot(
            range(len(settings)),
            rows["ms"][settings],
            color=figures.colour(index),
            label=name,
            linestyle="-" if ours else "--",
            linewidth=2.5 if ours else 1,
            marker=MARKERS[index % len(MARKERS)],
            markersize=4,
        )
    labels = [f"{optimizer}\ndepth {depth}" for optimizer, depth in settings]
    ax.set_xticks(range(len(settings)), labels, fontsize=8)
    ax.set(yscale="log", ylabel="ms per step and run, median")
    handles, _ = ax.get_legend_handles_labels()
    if handles:
        ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    note = f"{record['data']['label']} · mean(e^4)/4 · float32"
    return _save(figure, folder, "settings", note, record)


def _plot_growth(ax: Axes, sizes: pd.Series, costs: pd.Series) -> None:
    exponent = fit_exponent(sizes, costs)
    ax.loglog(sizes, costs, "o-", label=f"size^{exponent:.2f} at the large end")
    ax.legend(fontsize=8)


def _save(figure: Figure, folder: RunFolder, name: str, note: str, record: dict[str, Any]) -> Path:
    # Without the record of the data: a cost does not depend on whether they are a stand-in.
    note = f"{note} · {record['machine']}"
    return figures.save_figure(figure, folder, name, note, record={})


def _file_name(axis: str) -> str:
    return axis.replace(" ", "_").replace(",", "").replace("_=_", "")
