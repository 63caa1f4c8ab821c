"""The figures of `experiments.late_divergence`, from the tables of its run folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from experiments.harness import figures
from experiments.harness.sweeps import describe_run
from experiments.late_divergence.claims import followed, over_the_swing, predicted_growth
from overparam_tf.runlog import RunFolder


def draw_all(
    folder: RunFolder,
    config: dict,
    results: pd.DataFrame,
    trace: pd.DataFrame,
    curves: dict[str, np.ndarray],
) -> list[Path]:
    """All figures; the last steps only where the run to explain has blown up."""
    drawn = [
        _crossing(folder, config, results, trace, curves),
        _remedies(folder, config, results, trace, curves),
    ]
    plain = results.iloc[0]
    exploded = f"{plain['method']}/swing" in curves and not np.isnan(plain["crossed_at"])
    return drawn + ([_last_steps(folder, config, plain, trace, curves)] if exploded else [])


def _save(figure, folder: RunFolder, name: str, config: dict) -> Path:
    options = {**config["options"], "seeds": [config["options"]["seed"]]}
    note = (
        f"{describe_run({**config, 'options': options}, config['losses'][0])} · Hessian in float64"
    )
    return figures.save_figure(
        figure, folder.figures / f"{name}.png", note, config["data"]["synthetic"]
    )


def _end_mark(ax, row, height: float, colour: str) -> None:
    if row.status == "diverged":
        ax.plot(
            row.steps,
            height,
            "x",
            color=colour,
            markersize=9,
            markeredgewidth=2.2,
            clip_on=False,
            zorder=5,
        )


def _crossing(folder: RunFolder, config: dict, results, trace, curves) -> Path:
    """The constant rates: loss, sharpness against 2/rate, and what the sharpness is made of."""
    shown = results.iloc[:3]
    title = (
        f"Late divergence at rate {config['rate']:g}: the loss gives no warning, the sharpness does"
    )
    figure, (left, middle, right) = figures.new_figure(3, title, height=5)
    for index, row in enumerate(shown.itertuples()):
        colour, run = figures.colour(index), trace[trace["method"] == row.method]
        label = f"depth {row.depth}, rate {run['rate'].iloc[0]:g}"
        steps, losses = curves[f"{row.method}/steps"], curves[f"{row.method}/losses"]
        figures.plot_losses(left, (steps, losses), 2 * losses[0], color=colour, label=label)
        _end_mark(left, row, run["loss"][run["loss"] < 2 * losses[0]].iloc[-1], colour)
        sane = run[run["sharpness"] < 1.5 * run["threshold"]]
        middle.plot(sane["step"], sane["sharpness"], color=colour, label=label)
        middle.axhline(run["threshold"].iloc[0], color=colour, linestyle="--", linewidth=1)
        _end_mark(middle, row, run["threshold"].iloc[0], colour)
        if index == 0:
            for column, name in (
                ("sharpness", "sharpness"),
                ("effective_rate", "effective rate |K|^(2-2/N)"),
                ("norm", "|K|"),
                ("curvature", "curvature of the loss in K"),
                ("balance_defect", "relative balance defect"),
            ):
                right.plot(sane["step"], sane[column], label=name)
            if not np.isnan(row.crossed_at):
                right.axvline(
                    row.crossed_at, color="#888888", linestyle=":", label="sharpness = 2 / rate"
                )
    figures.log_loss_axis(left)
    left.set(title="loss (×: NaN from here)", ylabel=config["losses"][0]["label"])
    middle.set(
        title="largest Hessian eigenvalue (dashed: 2 / rate)", ylim=(0, None), ylabel="sharpness"
    )
    right.set(
        title=f"what it is made of: {shown['method'].iloc[0]}, depth {config['depth']}",
        yscale="log",
    )
    for ax in (left, middle, right):
        figures.step_axis(ax)
        ax.tick_params(axis="x", labelsize=8)
        ax.set_xlabel("step (full batch)")
        ax.legend(fontsize=8)
    return _save(figure, folder, "crossing", config)


def _last_steps(
    folder: RunFolder, config: dict, plain: pd.Series, trace: pd.DataFrame, curves
) -> Path:
    """The blow-up step by step: sharpness, the swing along its direction with linear theory's, and the loss."""
    name, crossed = plain["method"], plain["crossed_at"]
    steps, swing, losses = (
        curves[f"{name}/{array}"] for array in ("tail_steps", "swing", "tail_losses")
    )
    shown = steps >= crossed - (plain["steps"] - crossed)
    run = trace[(trace["method"] == name) & (trace["step"] >= steps[shown][0])]
    part, growth = (
        followed(steps, swing, crossed),
        predicted_growth(steps, trace[trace["method"] == name]),
    )
    title = f"Depth {config['depth']}, rate {config['rate']:g}: the last {shown.sum():,} steps, one by one"
    figure, (left, middle, right) = figures.new_figure(3, title, height=5)
    left.plot(*over_the_swing(run), ".-", color=figures.colour(0))
    left.axhline(1, color="#888888", linestyle="--")
    left.set(title="sharpness over 2 / rate, mean of two steps")
    look = {"color": figures.colour(1), "markersize": 2, "linestyle": ""}
    middle.plot(steps[shown], np.maximum(swing[shown], 1e-12), "o", label="measured", **look)
    if part.stop > part.start:
        theory = np.exp(growth - growth[part.stop - 1]) * swing[part.stop - 1]
        grows = (steps >= crossed) & (steps <= steps[part.stop - 1])
        label = "theory: each step × (rate × sharpness - 1)"
        middle.plot(steps[grows], theory[grows], "k--", linewidth=1.5, label=label)
    middle.set(title="swing of the weights along the top eigenvector", yscale="log")
    middle.set_ylim(max(np.quantile(swing[shown], 0.02), 1e-12), 10)
    middle.legend(fontsize=8)
    top = 2 * config["losses"][0]["at_zero"]
    figures.plot_losses(right, (steps[shown], losses[shown]), top, color=figures.colour(2))
    figures.log_loss_axis(right)
    right.set(title="loss", ylabel=config["losses"][0]["label"])
    for ax in (left, middle, right):
        ax.axvline(crossed, color="#888888", linestyle=":")
        figures.step_axis(ax)
        ax.tick_params(axis="x", labelsize=8)
        ax.set_xlabel("step (full batch); dotted: sharpness passes 2 / rate")
    return _save(figure, folder, "last_steps", config)


def _remedies(folder: RunFolder, config: dict, results, trace, curves) -> Path:
    """Every method: excess loss, and sharpness times rate over 2."""
    figure, (left, right) = figures.new_figure(
        2, f"What removes the blow-up, depth {config['depth']}", height=5.4
    )
    floor, top = config["losses"][0]["floor"], 2 * config["losses"][0]["at_zero"]
    for index, row in enumerate(results[results["depth"] == config["depth"]].itertuples()):
        colour, run = figures.colour(index), trace[trace["method"] == row.method]
        steps, losses = curves[f"{row.method}/steps"], curves[f"{row.method}/losses"]
        end = "NaN" if row.status == "diverged" else f"{row.final_loss - floor:.4f}"
        figures.plot_losses(
            left, (steps, losses - floor), top, color=colour, label=f"{row.method}: {end}"
        )
        if len(
            drawn := run["loss"][run["loss"] < top / 2]
        ):  # none of a run that never left the start
            _end_mark(left, row, drawn.iloc[-1] - floor, colour)
        quotient = run["sharpness"] / run["threshold"]
        right.plot(run["step"], quotient.where(quotient < 5), color=colour, label=row.method)
        _end_mark(right, row, 1, colour)
    figures.log_loss_axis(left)
    left.set(
        title="loss above the convex floor (×: NaN from here)",
        ylabel=f"{config['losses'][0]['label']} - floor",
    )
    right.axhline(1, color="#888888", linestyle="--")
    right.set(title="rate × sharpness / 2 (unstable above 1)", ylim=(0, None))
    left.legend(fontsize=8, title="at the end", title_fontsize=8)
    for ax in (left, right):
        figures.step_axis(ax)
        ax.set_xlabel("step (full batch)")
    return _save(figure, folder, "remedies", config)
