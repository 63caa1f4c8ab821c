"""The figures of `experiments.mnist_cnn`, from its run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.harness import figures
from experiments.mnist_cnn.claims import PAPER, WINDOW, smooth
from experiments.mnist_cnn.convnet import MOMENTUM, RATE, RATE_DECAY
from experiments.mnist_cnn.records import run_title
from overparam_tf.runlog import RunFolder

PAPER_COLOUR, ALONE_COLOUR = "#444444", "#222222"
ALONE_STYLES = ("--", ":", "-.")
ERRORS = {"val_error": "validation images", "test_error": "test images"}


@dataclass(frozen=True)
class ConvnetFigures:
    """Draws the figures of a run folder.

    Attributes:
        folder: The run folder.
        record: Its config.json, with the nets that were trained.
        curves: The arrays of curves.npz.
    """

    folder: RunFolder
    record: dict[str, Any]
    curves: Mapping[str, np.ndarray]

    def draw_all(self, epochs: pd.DataFrame) -> list[Path]:
        """Draw the paper's figure, the same taken apart, and the errors by epoch."""
        return [self.batch_loss(), self.taken_apart(), self.errors(epochs)]

    def batch_loss(self) -> Path:
        """Draw the total loss by step, with points of the paper's figure."""
        title = "Batch loss, cross-entropy and penalty together"
        figure, (ax,) = figures.new_figure(1, title, height=5)
        longest = 0
        for index, name, curve in self._mean_curves("total"):
            colour, longest = figures.colour(index), max(longest, len(curve))
            ax.plot(curve, color=colour, alpha=0.15, linewidth=0.6)
            ax.plot(*smooth(curve), color=colour, linewidth=self._line_width(index), label=name)
        for marker, (net, points) in zip("ox", PAPER.items(), strict=True):
            style = {"color": PAPER_COLOUR, "markersize": 5, "label": f"paper's figure, {net} net"}
            ax.plot(points.keys(), points.values(), marker, **style)
        figures.step_axis(ax)
        ax.set(xlabel="step", ylabel="batch loss", ylim=(0, None))
        ax.set_xlim(-0.02 * longest, 1.02 * longest)
        ax.legend(fontsize=8)
        return self._save(figure, "batch_loss")

    def taken_apart(self) -> Path:
        """Draw cross-entropy and penalty by step, and the penalty trained without data."""
        figure, (left, right) = figures.new_figure(2, "The same loss taken apart", height=5)
        for index, name, curve in self._mean_curves("cross-entropy"):
            left.plot(*smooth(curve), color=figures.colour(index), label=name)
        for index, name, curve in self._mean_curves("penalty"):
            style = {"color": figures.colour(index), "linewidth": self._line_width(index)}
            right.plot(curve, label=name, **style)
        for index, name, curve in self._mean_curves("penalty alone"):
            style = {"color": ALONE_COLOUR, "linewidth": 0.8, "label": f"{name}, without any data"}
            right.plot(curve, linestyle=ALONE_STYLES[index % len(ALONE_STYLES)], **style)
        left.set_title(f"cross-entropy of the batches, means over {WINDOW} steps")
        right.set_title("penalty")
        for ax in (left, right):
            figures.log_loss_axis(ax)
            figures.step_axis(ax)
            ax.set_xlabel("step")
            ax.legend(fontsize=8)
        return self._save(figure, "cross_entropy_and_penalty")

    def errors(self, epochs: pd.DataFrame) -> Path:
        """Draw the errors after every epoch: means over seeds, and their range."""
        figure, axes = figures.new_figure(2, "Error after every epoch", height=5)
        for ax, (column, title) in zip(axes, ERRORS.items(), strict=True):
            for index, net in enumerate(self.record["nets"]):
                rows = epochs[epochs["net"] == net["name"]]
                percent = 100 * rows[column]
                _plot_errors(ax, percent.groupby(rows["epoch"]), index, net["name"])
            figures.log_loss_axis(ax)
            ax.set(title=title, xlabel="epoch", ylabel="error, %")
            ax.legend(fontsize=8)
        return self._save(figure, "errors")

    def _mean_curves(self, title: str) -> Iterator[tuple[int, str, np.ndarray]]:
        """Yield each net's index, its name, and the mean over seeds of one of its curves."""
        for index, net in enumerate(self.record["nets"]):
            name = net["name"]
            keys = [f"{run_title(name, seed)}/{title}" for seed in self.record["options"]["seeds"]]
            curves = [self.curves[key] for key in keys if key in self.curves]
            if curves:
                yield index, name, np.mean(curves, axis=0)

    def _line_width(self, index: int) -> float:
        """Return a width by which curves that cover each other are all seen.

        Those of the plain net and of the penalty on the first factor do.
        """
        return 1.8 * (len(self.record["nets"]) - index)

    def _save(self, figure: Figure, name: str) -> Path:
        record = self.record
        seeds = ", ".join(map(str, record["options"]["seeds"]))
        note = (
            f"{record['data']['label']} · convnet of the TensorFlow tutorial, "
            f"batch {record['batch']}, momentum {MOMENTUM:g}, "
            f"rate {RATE:g} x {RATE_DECAY:g}^epoch, "
            f"L2 {record['weight_decay']:g}/2 on fc1 and fc2 · "
            f"{record['steps_per_epoch']} steps an epoch · seed {seeds} · float32 · "
            f"{record['machine']}"
        )
        return figures.save_figure(figure, self.folder, name, note, record)


def _plot_errors(ax: Axes, by_epoch: Any, index: int, name: str) -> None:
    """Draw the mean over seeds, and a band from the least to the largest."""
    colour, mean = figures.colour(index), by_epoch.mean()
    ax.plot(mean.index, mean, "o-", color=colour, markersize=4, label=name)
    low, high = by_epoch.min(), by_epoch.max()
    ax.fill_between(mean.index, low, high, color=colour, alpha=0.15, linewidth=0)
