"""The figures of a sweep: loss of each variant at its best rate, loss above the floor, and loss against the rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from experiments import figures
from experiments.sweep_run import describe_run
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep import History


def draw_best_curves(
    folder: RunFolder, config: dict, facts: dict, history: History, title: str, variants: Sequence[str], name: str
) -> Path:
    """The paper's figure: the loss of each variant at its best rate, and the convex floor."""
    figure, (ax,) = figures.new_figure(1, f"{title}: best rate of each", height=5)
    for index, variant in enumerate(variants):
        curve, best = history.best_curve(variant) or (np.empty(0), np.empty(0)), history.best(variant)
        label = f"{variant} (every rate diverged)" if best is None else f"{variant} (rate {best['learning_rate']:g})"
        figures.plot_losses(ax, curve, 2 * facts["at_zero"], color=figures.colour(index), label=label)
    ax.axhline(facts["floor"], color="#888888", linestyle=":", label="convex floor")
    figures.log_loss_axis(ax)
    figures.step_axis(ax)
    ax.set(xlabel="step (full batch)", ylabel=facts["label"], ylim=(None, 1.05 * facts["at_zero"]))
    ax.legend(fontsize=8)
    return _save(figure, folder, config, facts, name)


def draw_excess_loss(
    folder: RunFolder,
    config: dict,
    facts: dict,
    history: History,
    groups: Mapping[str, Sequence[str]],
    name: str = "excess_loss",
) -> Path:
    """Loss above the convex floor on logarithmic axes: how far from done each variant is at its best rate."""
    figure, axes = figures.new_figure(len(groups), "Loss above the convex floor, best rate of each", height=5)
    for ax, (title, variants) in zip(axes, groups.items(), strict=True):
        for index, variant in enumerate(variants):
            steps, losses = history.best_curve(variant) or (np.empty(0), np.empty(0))
            excess = steps + 1, losses - facts["floor"]
            figures.plot_losses(ax, excess, 2 * facts["at_zero"], color=figures.colour(index), label=variant)
        target = facts["target"] - facts["floor"]
        ax.axhline(target, color="#888888", linestyle=":", label="target: a tenth of the zero kernel's")
        ax.set(title=title, xlabel="step + 1 (full batch)", ylabel=f"{facts['label']} minus floor")
        ax.set(xscale="log", yscale="log")
        ax.legend(fontsize=8)
    return _save(figure, folder, config, facts, name)


def draw_loss_against_rate(
    folder: RunFolder,
    config: dict,
    facts: dict,
    history: History,
    groups: Mapping[str, Sequence[str]],
    name: str = "loss_against_rate",
) -> Path:
    """Last loss against learning rate, median over seeds; a cross at the top where a seed came to nothing."""
    figure, axes = figures.new_figure(len(groups), "Last loss against learning rate", height=5)
    start, floor = facts["at_zero"], facts["floor"]
    for ax, (title, variants) in zip(axes, groups.items(), strict=True):
        for index, variant in enumerate(variants):
            by_rate = history.runs[history.runs["variant"] == variant].groupby("learning_rate")["final_loss"]
            median, is_useful = by_rate.median(), by_rate.max() <= 1.01 * start
            # A NaN counts as not useful, but pandas' max passes over it.
            is_useful &= by_rate.count() == by_rate.size()
            shown, colour = median.where(median <= 1.01 * start), figures.colour(index)
            ax.plot(shown.index, shown, "o-", color=colour, label=variant)
            failed = is_useful.index[~is_useful]
            height = np.full(len(failed), 0.97 - 0.03 * index)
            ax.plot(failed, height, "x", color=colour, markersize=5, transform=ax.get_xaxis_transform())
        ax.axhline(floor, color="#888888", linestyle=":", label="convex floor")
        figures.log_loss_axis(ax)
        # The top third is the crosses'.
        ax.set(xscale="log", ylim=(floor * 0.9, start * (start / floor) ** 0.4))
        ax.set(title=title, xlabel="learning rate", ylabel=facts["label"])
        ax.legend(fontsize=8, title="× diverged, or no better than zero", title_fontsize=8, loc="center right")
    return _save(figure, folder, config, facts, name)


def _save(figure: Figure, folder: RunFolder, config: dict, facts: dict, name: str) -> Path:
    path = folder.figures / f"{name}.png"
    return figures.save_figure(figure, path, describe_run(config, facts), config["data"]["synthetic"])
