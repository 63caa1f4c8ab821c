"""The figures of `experiments.step_cost`, from the tables of its run folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from experiments.benchmarks.step_cost.scaling import BASE, fit_exponent
from experiments.harness import figures
from overparam_tf.runlog import RunFolder

KINDS = {"ours": figures.colour(0), "peer": figures.colour(1), "limit": figures.colour(6)}


def draw_contest(folder: RunFolder, config: dict, results: pd.DataFrame) -> list[Path]:
    """Cost of a run-step: all contestants in gradient descent at depth 1, and those measured in every setting."""
    return [_run_step(folder, config, results), _settings(folder, config, results)]


def _save(figure, folder: RunFolder, name: str, note: str, config: dict) -> Path:
    return figures.save_figure(
        figure, folder.figures / f"{name}.png", f"{note} · {config['machine']}", synthetic=False
    )


def _run_step(folder: RunFolder, config: dict, results: pd.DataFrame) -> Path:
    cells = results[(results["optimizer"] == "sgd") & (results["depth"] == 1)].dropna(subset="ms")
    cells = cells.sort_values("ms", ascending=False)
    title = "Cost of a step of one run, gradient descent, depth 1"
    figure, (ax,) = figures.new_figure(1, title, height=1.5 + 0.28 * len(cells))
    for kind, colour in KINDS.items():
        at = np.flatnonzero(cells["kind"] == kind)
        bars = cells.iloc[at]
        spread = np.array([bars["ms"] - bars["ms_min"], bars["ms_max"] - bars["ms"]])
        ax.barh(
            at,
            bars["ms"],
            xerr=spread,
            color=colour,
            alpha=0.8,
            label=kind,
            error_kw={"linewidth": 0.8},
        )
    ax.set_yticks(range(len(cells)), cells["contestant"], fontsize=8)
    ax.set(xscale="log", xlabel="ms per step and run, median (line: least to most)")
    if len(cells):
        ax.legend(fontsize=8)
    return _save(
        figure,
        folder,
        "run_step",
        f"{config['data']['label']} · mean(e^p)/p, p = 4 · float32",
        config,
    )


def _settings(folder: RunFolder, config: dict, results: pd.DataFrame) -> Path:
    figure, (ax,) = figures.new_figure(1, "Cost of a step of one run in every setting", height=5)
    settings = list(dict.fromkeys(zip(results["optimizer"], results["depth"], strict=True)))
    everywhere = results.groupby("contestant", sort=False)["ms"].count()
    for index, name in enumerate(everywhere.index[everywhere == len(settings)]):
        costs = results[results["contestant"] == name].set_index(["optimizer", "depth"])["ms"]
        ours = name.startswith("sweep")
        style = {
            "linewidth": 2.5 if ours else 1,
            "marker": "os^Dv"[index % 5],
            "linestyle": "-" if ours else "--",
        }
        ax.plot(
            range(len(settings)),
            costs[settings],
            color=figures.colour(index),
            label=name,
            markersize=4,
            **style,
        )
    ax.set_xticks(
        range(len(settings)),
        [f"{optimizer}\ndepth {depth}" for optimizer, depth in settings],
        fontsize=8,
    )
    ax.set(yscale="log", ylabel="ms per step and run, median")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return _save(
        figure, folder, "settings", f"{config['data']['label']} · mean(e^4)/4 · float32", config
    )


def draw_scaling(folder: RunFolder, config: dict, scaling: pd.DataFrame) -> list[Path]:
    """Time of a step and growth of memory against each size, with the exponents fitted at the large end."""
    drawn = []
    for axis, cells in scaling.groupby("axis", sort=False):
        measured = cells[cells["status"] == "measured"]
        figure, axes = figures.new_figure(2, f"Cost of a step of the sweep against {axis}")
        for ax, column, unit, label in zip(
            axes,
            ("ms", "growth_bytes"),
            (1, 1e6),
            ("ms a step, all runs", "MB above the imports alone"),
            strict=True,
        ):
            exponent = fit_exponent(measured["size"], measured[column])
            ax.loglog(
                measured["size"],
                measured[column] / unit,
                "o-",
                label=f"size^{exponent:.2f} at the large end",
            )
            ax.set(xlabel=axis, ylabel=label)
            ax.legend(fontsize=8)
        fixed = ", ".join(
            f"{name} {cells[name].iloc[0]}" for name in BASE if cells[name].nunique() == 1
        )
        note = f"generated data · {fixed} · float32"
        drawn.append(_save(figure, folder, f"scaling_{_file_name(axis)}", note, config))
    return drawn


def _file_name(axis: str) -> str:
    return axis.replace(" ", "_").replace(",", "").replace("_=_", "")
