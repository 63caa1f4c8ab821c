"""The figures of `experiments.emulated_update`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.emulated_update.pairs import WORDS, Pair
from experiments.harness import figures
from experiments.harness.loss_reference import LossReference, references_of
from experiments.harness.sweeps import describe_run
from overparam_tf.runlog import RunFolder
from overparam_tf.sweep import History


@dataclass(frozen=True)
class EmulationFigures:
    """Draws the figures of a run.

    Attributes:
        folder: The run folder; figures go into its `figures/`.
        record: Its config.json.
        history: The runs.
        pairs: What is compared.
        gaps: What `gaps_of` returned.
    """

    folder: RunFolder
    record: dict[str, Any]
    history: History
    pairs: Sequence[Pair]
    gaps: pd.DataFrame

    def draw(self) -> list[Path]:
        """Draw the figures; that of all rules only if there are several."""
        drawn = [self._draw_curves(), self._draw_gap_against_rate()]
        return [*drawn, self._draw_rules()] if self._has_more_rules() else drawn

    def _has_more_rules(self) -> bool:
        return any(pair.update != "end_to_end" for pair in self.pairs)

    def _references(self) -> list[LossReference]:
        return references_of(self.record)

    def _draw_curves(self) -> Path:
        """Draw loss curves of real factors (broad) under those of the rule, at the largest rate."""
        references = self._references()
        title = "Real factors (broad) and the end-to-end rule (dashed)"
        figure, axes = figures.new_figure(len(references), title, height=5)
        for ax, reference in zip(axes, references, strict=True):
            pairs = [
                pair
                for pair in self.pairs
                if (pair.p, pair.decay, pair.update) == (reference.p, 0, "end_to_end")
            ]
            for index, pair in enumerate(pairs):
                self._draw_pair(ax, pair, 2 * reference.at_zero, figures.colour(index))
            rate = max(pair.largest_rate for pair in pairs)
            ax.set(xscale="symlog", xlabel="step (full batch)", ylabel=reference.label)
            ax.set_title(f"rate {rate:g}")
            figures.log_loss_axis(ax)
            ax.legend(fontsize=6.5)
        return self._save(figure, "real_and_emulated")

    def _draw_pair(self, ax: Axes, pair: Pair, top: float, colour: str) -> None:
        first_seed, *_ = self.record["options"]["seeds"]
        key = pair.largest_rate, first_seed
        label = f"N={pair.depth}, width {pair.width}, {pair.start_in_words}"
        broad = {"linewidth": 4, "alpha": 0.35, "label": label}
        real = self.history.curve(pair.factors, *key)
        rule = self.history.curve(pair.rule, *key)
        figures.plot_losses(ax, real, top, color=colour, **broad)
        figures.plot_losses(ax, rule, top, color=colour, linewidth=1, linestyle="--")

    def _draw_rules(self) -> Path:
        """Draw real factors of the first width from near zero (broad) under every rule."""
        settings = {
            (pair.p, pair.depth): [
                other
                for other in self.pairs
                if (other.p, other.depth, other.width, other.start)
                == (pair.p, pair.depth, pair.width, "near_zero")
            ]
            for pair in reversed(self.pairs)
            if pair.update == "unbalanced"
        }
        title = "Real factors from near zero (broad) and three rules"
        figure, axes = figures.new_figure(len(settings), title, height=5)
        at_zero = {reference.p: reference.at_zero for reference in self._references()}
        first_seed, *_ = self.record["options"]["seeds"]
        for ax, ((p, depth), pairs) in zip(axes, sorted(settings.items()), strict=True):
            first, *_ = pairs
            key, top = (first.largest_rate, first_seed), 2 * at_zero[p]
            broad = {"linewidth": 4, "alpha": 0.35, "color": figures.GREY, "label": "real factors"}
            figures.plot_losses(ax, self.history.curve(first.factors, *key), top, **broad)
            for index, pair in enumerate(pairs):
                curve = self.history.curve(pair.rule, *key)
                style = figures.line_style(index)
                figures.plot_losses(ax, curve, top, **style, label=WORDS[pair.update])
            ax.set(xscale="symlog", xlabel="step (full batch)", ylabel="loss")
            ax.set_title(f"L{p}, N={depth}, width {first.width}, rate {first.largest_rate:g}")
            figures.log_loss_axis(ax)
            ax.legend(fontsize=7)
        return self._save(figure, "four_curves")

    def _draw_gap_against_rate(self) -> Path:
        """Draw the largest relative gap against the rate; dotted, proportional to the rate."""
        references = self._references()
        title = "Largest relative gap between the loss curves"
        figure, axes = figures.new_figure(len(references), title, height=5)
        for ax, reference in zip(axes, references, strict=True):
            gaps = self.gaps[self.gaps["p"] == reference.p]
            settings = gaps.groupby(["N", "start", "decay", "rule"], sort=False)
            for index, ((depth, start, decay, rule), group) in enumerate(settings):
                kind = f", {WORDS[rule]}" if self._has_more_rules() else f", decay {decay:g}"
                label = f"N={depth}, {start.replace('_', ' ')}{kind}"
                _draw_gaps(ax, group, figures.colour(index), label)
            ax.set(xscale="log", yscale="log", xlabel="learning rate")
            ax.set_ylabel("relative gap over the same time")
            ax.set_title(f"L{reference.p} (a line a seed; larger circle: wider)")
            ax.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2)
        return self._save(figure, "gap_against_rate")

    def _save(self, figure: Figure, name: str) -> Path:
        first, *_ = self._references()
        note = describe_run(self.record, first)
        return figures.save_figure(figure, self.folder, name, note, self.record)


def _draw_gaps(ax: Axes, gaps: pd.DataFrame, colour: str, label: str) -> None:
    """Draw the gaps of one setting, a line a width and seed, and their proportion to the rate."""
    for index, ((width, _), rows) in enumerate(gaps.groupby(["width", "seed"])):
        ax.plot(
            rows["rate"],
            rows["gap_same_time"],
            "o-",
            color=colour,
            markersize=3 + 2 * np.log10(width),
            fillstyle="none",
            linewidth=1,
            label=None if index else label,
        )
    rates = np.sort(gaps["rate"].unique())
    at_largest = gaps.loc[gaps["rate"] == rates.max(), "gap_same_time"].max()
    proportional = at_largest * rates / rates.max()
    ax.plot(rates, proportional, ":", color=colour, linewidth=0.8)
