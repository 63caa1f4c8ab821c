"""The figures of `emulated_update`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from experiments.harness import figures
from experiments.harness.sweeps import describe_run
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep import History


def overlay(folder: RunFolder, config: dict, history: History) -> Path:
    """Loss curves of real factors (broad) under those of the rule (dashed), at the largest rate."""
    facts = {loss["p"]: loss for loss in config["losses"]}
    figure, axes = figures.new_figure(
        len(facts), "Real factors (broad) and the end-to-end rule (dashed)", height=5
    )
    for ax, p in zip(axes, facts, strict=True):
        pairs = [pair for pair in config["pairs"] if pair["p"] == p and not pair["decay"]]
        for index, pair in enumerate(pairs):
            key = max(pair["rates"]), config["options"]["seeds"][0]
            colour = figures.colour(index)
            label = f"N={pair['N']}, width {pair['width']}, {pair['start'].replace('_', ' ')}"
            top = 2 * facts[p]["at_zero"]
            real, rule = (history.curve(pair[kind], *key) for kind in ("factors", "rule"))
            figures.plot_losses(ax, real, top, color=colour, linewidth=4, alpha=0.35, label=label)
            figures.plot_losses(ax, rule, top, color=colour, linewidth=1, linestyle="--")
        ax.set(
            xscale="symlog",
            xlabel="step (full batch)",
            ylabel=facts[p]["label"],
            title=f"rate {key[0]:g}",
        )
        figures.log_loss_axis(ax)
        ax.legend(fontsize=6.5)
    return _save(figure, folder, config, "real_and_emulated")


def gap_against_rate(folder: RunFolder, config: dict, gaps: pd.DataFrame) -> Path:
    """Largest relative gap against the rate, on logarithmic axes; dotted, proportional to the rate."""
    powers = [loss["p"] for loss in config["losses"]]
    figure, axes = figures.new_figure(
        len(powers), "Largest relative gap between the loss curves", height=5
    )
    for ax, p in zip(axes, powers, strict=True):
        settings = gaps[gaps["p"] == p].groupby(["N", "start", "decay"], sort=False)
        for index, ((depth, start, decay), group) in enumerate(settings):
            for width, one in group.groupby("width"):
                label = (
                    f"N={depth}, {start.replace('_', ' ')}, decay {decay:g}"
                    if width == group["width"].min()
                    else None
                )
                ax.plot(
                    one["rate"],
                    one["gap_same_time"],
                    "o-",
                    color=figures.colour(index),
                    markersize=3 + 2 * np.log10(width),
                    fillstyle="none",
                    label=label,
                )
            rates = np.sort(group["rate"].unique())
            ax.plot(
                rates,
                group["gap_same_time"].max() * rates / rates[-1],
                ":",
                color=figures.colour(index),
                linewidth=0.8,
            )
        ax.set(
            xscale="log",
            yscale="log",
            xlabel="learning rate",
            ylabel="relative gap over the same time",
            title=f"L{p} (larger circle: wider)",
        )
        ax.legend(fontsize=7)
    return _save(figure, folder, config, "gap_against_rate")


def _save(figure, folder: RunFolder, config: dict, name: str) -> Path:
    note = describe_run(config, config["losses"][0])
    return figures.save_figure(
        figure, folder.figures / f"{name}.png", note, config["data"]["synthetic"]
    )
