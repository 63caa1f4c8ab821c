"""The figures of `experiments.mnist_cnn`, from its run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from experiments.mnist_cnn.intervals import Mean, mean_curve
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
        for index, name, curves in self._curves_of_nets("total"):
            curve = mean_of(curves)
            colour, longest = figures.colour(index), max(longest, len(curve))
            ax.plot(curve, color=colour, alpha=0.15, linewidth=0.6)
            _plot_band(ax, curves, colour)
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
        for index, name, curves in self._curves_of_nets("cross-entropy"):
            left.plot(*smooth(mean_of(curves)), color=figures.colour(index), label=name)
            _plot_band(left, curves, figures.colour(index))
        for index, name, curves in self._curves_of_nets("penalty"):
            style = {"color": figures.colour(index), "linewidth": self._line_width(index)}
            right.plot(mean_of(curves), label=name, **style)
        for index, name, curves in self._curves_of_nets("penalty alone"):
            style = {"color": ALONE_COLOUR, "linewidth": 0.8, "label": f"{name}, without any data"}
            curve = mean_of(curves)
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
        """Draw the errors after every epoch: means over seeds, and their 95 % intervals."""
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

    def _curves_of_nets(self, title: str) -> Iterator[tuple[int, str, list[np.ndarray]]]:
        """Yield each net's index, its name, and one of its curves for every seed."""
        for index, net in enumerate(self.record["nets"]):
            name = net["name"]
            keys = [f"{run_title(name, seed)}/{title}" for seed in self.record["options"]["seeds"]]
            curves = [self.curves[key] for key in keys if key in self.curves]
            if curves:
                yield index, name, curves

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
            f"{record['steps_per_epoch']} steps an epoch · seed {seeds}"
            f"{' · means and 95 % intervals over seeds' if ',' in seeds else ''} · float32 · "
            f"{record['machine']}"
        )
        return figures.save_figure(figure, self.folder, name, note, record)


def _plot_errors(ax: Axes, by_epoch: Any, index: int, name: str) -> None:
    """Draw the mean over seeds and its interval."""
    colour, means = figures.colour(index), by_epoch.apply(Mean.of)
    values = np.array([mean.value for mean in means])
    half = np.nan_to_num(np.array([mean.half for mean in means]))
    ax.plot(means.index, values, "o-", color=colour, markersize=4, label=name)
    # The axis is logarithmic.
    low = np.maximum(values - half, values / 10)
    ax.fill_between(means.index, low, values + half, color=colour, alpha=0.15, linewidth=0)


def mean_of(curves: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean over seeds of their curves."""
    mean, _, _ = mean_curve(curves)
    return mean


def _plot_band(ax: Axes, curves: Sequence[np.ndarray], colour: str) -> None:
    """Draw the interval over seeds of means over windows of steps."""
    mean, low, high = mean_curve([means for _, means in map(smooth, curves)])
    steps, _ = smooth(max(curves, key=len))
    # The axis may be logarithmic.
    low = np.maximum(low, mean / 10)
    ax.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
