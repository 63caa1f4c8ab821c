"""The figures of a sweep: best curves, loss above the floor, and loss against the learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.harness import figures
from experiments.harness.loss_reference import LossReference
from experiments.harness.sweeps import describe_run
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep import History

# A run that ends above this multiple of the zero kernel's loss has learned nothing.
NOTHING_LEARNED = 1.01
# Losses are drawn down to this share of the zero kernel's, if the floor is lower.
NEGLIGIBLE = 1e-9


@dataclass(frozen=True)
class SweepFigures:
    """Draws the figures of the runs under one loss.

    Attributes:
        folder: The run folder; figures go into its `figures/`.
        record: Its config.json.
        reference: The numbers to which the losses of the runs are compared.
        history: The runs.
    """

    folder: RunFolder
    record: dict[str, Any]
    reference: LossReference
    history: History

    def best_curves(
        self, title: str, variants: Sequence[str], name: str, both: bool = False
    ) -> Path:
        """Draw the loss of each variant at its best rate, and the floor.

        Args:
            title: Beginning of the title.
            variants: Names of the variants.
            name: The file's name without its ending.
            both: Whether to draw them twice, on the paper's linear axes and on logarithmic ones;
                default False, a logarithmic axis of the loss alone.
        """
        figure, axes = figures.new_figure(1 + both, f"{title}: best rate of each", height=5)
        for ax in axes:
            self._draw_best(ax, variants, first_step=int(both and ax is axes[-1]))
        for ax in axes if not both else axes[1:]:
            figures.log_loss_axis(ax)
        for ax in axes:  # after the kind of axis: logarithmic limits are none of a linear one
            ax.set_ylim(None, 1.05 * self.reference.at_zero)
        first, last = axes[0], axes[-1]
        if both:
            first.set_title("as in the paper", fontsize=10)
            last.set(title="logarithmic axes", xscale="log", xlabel="step + 1 (full batch)")
            last.title.set_fontsize(10)
        figures.step_axis(first)
        first.set(xlabel="step (full batch)")
        last.legend(fontsize=8)
        return self._save(figure, name)

    def _draw_best(self, ax: Axes, variants: Sequence[str], first_step: int) -> None:
        """Draw the best curves; on a logarithmic axis the first step is step 1."""
        for index, variant in enumerate(variants):
            best = self.history.best(variant)
            ending = "every rate diverged" if best is None else f"rate {best['learning_rate']:g}"
            steps, losses = self._best_curve(variant)
            figures.plot_losses(
                ax,
                (steps + first_step, losses),
                2 * self.reference.at_zero,
                label=f"{variant} ({ending})",
                **figures.line_style(index),
            )
        self._draw_floor(ax)
        ax.set(ylabel=self.reference.label)

    def excess_loss(self, groups: Mapping[str, Sequence[str]], name: str = "excess_loss") -> Path:
        """Draw the loss above the convex floor on logarithmic axes, a panel for each group."""
        title = "Loss above the convex floor, best rate of each"
        figure, axes = figures.new_figure(len(groups), title, height=5)
        reference = self.reference
        for ax, (group, variants) in zip(axes, groups.items(), strict=True):
            for index, variant in enumerate(variants):
                steps, losses = self._best_curve(variant)
                curve = steps + 1, losses - reference.floor
                look = figures.line_style(index)
                figures.plot_losses(ax, curve, 2 * reference.at_zero, label=variant, **look)
            label = "target: a tenth of the zero kernel's"
            target = reference.target() - reference.floor
            ax.axhline(target, color=figures.GREY, linestyle=":", label=label)
            ax.set(title=group, xlabel="step + 1 (full batch)", xscale="log", yscale="log")
            ax.set_ylabel(f"{reference.label} minus floor")
            ax.legend(fontsize=8)
        return self._save(figure, name)

    def loss_against_rate(
        self, groups: Mapping[str, Sequence[str]], name: str = "loss_against_rate"
    ) -> Path:
        """Draw the last loss against the learning rate, a panel for each group.

        A dot is the median over seeds; a cross at the top stands where a seed diverged or learned
        nothing.
        """
        title = "Last loss against learning rate"
        figure, axes = figures.new_figure(len(groups), title, height=5.6)
        start, floor = self.reference.at_zero, self.reference.floor
        for ax, (group, variants) in zip(axes, groups.items(), strict=True):
            for index, variant in enumerate(variants):
                self._plot_by_rate(ax, variant, index)
            self._draw_floor(ax)
            figures.log_loss_axis(ax)
            # The top third is for the crosses.
            low = max(floor, NEGLIGIBLE * start)  # data that can be fitted exactly have floor 0
            ax.set(xscale="log", ylim=(low * 0.9, start * (start / low) ** 0.4))
            ax.set(title=group, xlabel="learning rate", ylabel=self.reference.label)
            figures.place_legend(ax, title="× diverged, or no better than zero")
        return self._save(figure, name)

    def _plot_by_rate(self, ax: Any, variant: str, index: int) -> None:
        runs = self.history.runs[self.history.runs["variant"] == variant]
        by_rate = runs.groupby("learning_rate")["final_loss"]
        highest, colour = NOTHING_LEARNED * self.reference.at_zero, figures.colour(index)
        median = by_rate.median()
        # A NaN counts as not useful, but pandas' max passes over it.
        is_useful = (by_rate.max() <= highest) & (by_rate.count() == by_rate.size())
        useful = median.where(median <= highest)
        ax.plot(useful.index, useful, label=variant, **figures.marker_style(index))
        failed = is_useful.index[~is_useful]
        height = np.full(len(failed), 0.97 - 0.03 * index)
        transform = ax.get_xaxis_transform()
        ax.plot(failed, height, "x", color=colour, markersize=5, transform=transform)

    def _best_curve(self, variant: str) -> tuple[np.ndarray, np.ndarray]:
        return self.history.best_curve(variant) or (np.empty(0), np.empty(0))

    def _draw_floor(self, ax: Any) -> None:
        floor = self.reference.floor
        ax.axhline(floor, color=figures.GREY, linestyle=":", label="convex floor")

    def _save(self, figure: Figure, name: str) -> Path:
        note = describe_run(self.record, self.reference)
        return figures.save_figure(figure, self.folder, name, note, self.record)
