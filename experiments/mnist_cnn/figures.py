"""The figures of `experiments.mnist_cnn`, from its run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.harness import figures
from experiments.mnist_cnn.claims import PAPER, smooth
from overparam_tf.runlog import RunFolder


def draw_all(
    folder: RunFolder, config: dict, epochs: pd.DataFrame, curves: Mapping[str, np.ndarray]
) -> list[Path]:
    """The paper's figure, the same taken apart, and the errors."""
    return [
        _batch_loss(folder, config, curves),
        _taken_apart(folder, config, curves),
        _errors(folder, config, epochs),
    ]


def _save(figure: Figure, folder: RunFolder, config: dict, name: str) -> Path:
    options = config["options"]
    note = (
        f"{config['data']['label']} · convnet of the TensorFlow tutorial, batch {config['batch']}, momentum .9, "
        f"rate .01 x .95^epoch, L2 {config['weight_decay']:g}/2 on fc1 and fc2 · {config['steps_per_epoch']} steps an "
        f"epoch · seed {', '.join(map(str, options['seeds']))} · float32 · {config['machine']}"
    )
    return figures.save_figure(
        figure, folder.figures / f"{name}.png", note, config["data"]["synthetic"]
    )


def _of(
    config: dict, curves: Mapping[str, np.ndarray], title: str
) -> list[tuple[int, str, np.ndarray]]:
    """Per net its number, its name, and the mean over seeds of one of its curves."""
    found = []
    for index, net in enumerate(config["nets"]):
        seeds = [
            curves.get(f"{net['name']}, seed {seed}/{title}") for seed in config["options"]["seeds"]
        ]
        if seeds := [curve for curve in seeds if curve is not None]:
            found.append((index, net["name"], np.mean(seeds, axis=0)))
    return found


def _width(index: int, config: dict) -> float:
    """Curves that lie upon each other, as those of the plain net and of the first factor do, are all seen."""
    return 1.8 * (len(config["nets"]) - index)


def _batch_loss(folder: RunFolder, config: dict, curves: Mapping[str, np.ndarray]) -> Path:
    figure, (ax,) = figures.new_figure(
        1, "Batch loss, cross-entropy and penalty together", height=5
    )
    totals = _of(config, curves, "total")
    for index, name, curve in totals:
        ax.plot(curve, color=figures.colour(index), alpha=0.15, linewidth=0.6)
        ax.plot(
            *smooth(curve), color=figures.colour(index), linewidth=_width(index, config), label=name
        )
    for marker, (which, points) in zip("ox", PAPER.items(), strict=True):
        ax.plot(
            points.keys(),
            points.values(),
            marker,
            color="#444444",
            markersize=5,
            label=f"paper's figure, {which} net",
        )
    figures.step_axis(ax)
    longest = max(len(curve) for _, _, curve in totals)
    ax.set(
        xlabel="step", ylabel="batch loss", ylim=(0, None), xlim=(-0.02 * longest, 1.02 * longest)
    )
    ax.legend(fontsize=8)
    return _save(figure, folder, config, "batch_loss")


def _taken_apart(folder: RunFolder, config: dict, curves: Mapping[str, np.ndarray]) -> Path:
    figure, (left, right) = figures.new_figure(2, "The same loss taken apart", height=5)
    for index, name, curve in _of(config, curves, "cross-entropy"):
        left.plot(*smooth(curve), color=figures.colour(index), label=name)
    for index, name, curve in _of(config, curves, "penalty"):
        right.plot(curve, color=figures.colour(index), linewidth=_width(index, config), label=name)
    for index, name, curve in _of(config, curves, "penalty alone"):
        line = ("--", ":", "-.")[index % 3]
        right.plot(
            curve, color="#222222", linestyle=line, linewidth=0.8, label=f"{name}, without any data"
        )
    for ax, title in (
        (left, "cross-entropy of the batches, means over 50 steps"),
        (right, "penalty"),
    ):
        figures.log_loss_axis(ax)
        figures.step_axis(ax)
        ax.set(title=title, xlabel="step")
        ax.legend(fontsize=8)
    return _save(figure, folder, config, "cross_entropy_and_penalty")


def _errors(folder: RunFolder, config: dict, epochs: pd.DataFrame) -> Path:
    figure, axes = figures.new_figure(2, "Error after every epoch", height=5)
    for ax, (column, title) in zip(
        axes, (("val_error", "validation images"), ("test_error", "test images")), strict=True
    ):
        for index, net in enumerate(config["nets"]):
            by_epoch = epochs[epochs["net"] == net["name"]].groupby("epoch")[column]
            mean = 100 * by_epoch.mean()
            ax.plot(
                mean.index, mean, "o-", color=figures.colour(index), markersize=4, label=net["name"]
            )
            if len(config["options"]["seeds"]) > 1:
                low, high = 100 * by_epoch.min(), 100 * by_epoch.max()
                ax.fill_between(
                    mean.index, low, high, color=figures.colour(index), alpha=0.15, linewidth=0
                )
        figures.log_loss_axis(ax)
        ax.set(title=title, xlabel="epoch", ylabel="error, %")
        ax.legend(fontsize=8)
    return _save(figure, folder, config, "errors")
