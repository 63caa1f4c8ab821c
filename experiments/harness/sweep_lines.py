"""The curves of a sweep for TensorBoard: the story of the best rates, every rate, by depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from experiments.harness.sweep_places import Panel
from experiments.harness.tensorboard import CHARTS, Line
from overparam_tf.sweep import History, Variant

Curve = tuple[np.ndarray, np.ndarray]
# The curve of a rate is shown up to this multiple of the zero kernel's loss: a divergence beyond it
# would flatten all others.
HIGHEST = 2.0


def story_lines(panel: Panel, curves: Mapping[str, Curve]) -> Iterator[Line]:
    """Yield the loss of each variant, and its excess over the floor in two views.

    They are its logarithm, since TensorBoard's axes are linear at first, and its quotient by that
    of the first variant, which separates curves that lie upon each other.

    Args:
        panel: The panel.
        curves: Steps and losses at the best rate, by variant.
    """
    floor, first = panel.reference.floor, next(iter(panel.runs))
    excess = {}
    for name, (steps, losses) in curves.items():
        excess[name] = steps, np.where(losses > floor, losses - floor, np.nan)
        yield Line(panel.runs[name], panel.loss_tag, (steps, losses))
        logarithm = steps, np.log10(excess[name][1])
        yield Line(panel.runs[name], panel.excess_tag, logarithm)
    if first not in excess or len(panel.runs) == 1:
        return
    first_steps, first_excess = excess[first]
    for name, (steps, values) in excess.items():
        common, places, first_places = np.intersect1d(steps, first_steps, return_indices=True)
        ratio = common, values[places] / first_excess[first_places]
        yield Line(panel.runs[name], panel.ratio_tag, ratio)


def rate_lines(
    panel: Panel, variant: Variant, steps: np.ndarray, losses: np.ndarray
) -> Iterator[Line]:
    """Yield the loss of each run of a variant, by rate.

    Args:
        panel: Its panel.
        variant: The variant.
        steps: The steps, shape (S,).
        losses: The losses of its runs, shape (S, R).
    """
    for (rate, seed), values in zip(variant.runs, losses.T, strict=True):
        tag = panel.rate_tag(rate, seed if len(variant.seeds) > 1 else None)
        yield Line(panel.runs[variant.name], tag, (steps, _below(panel, values)))


def rate_lines_of(panel: Panel, history: History, name: str) -> Iterator[Line]:
    """Yield the loss of each run of a variant in a history, by rate."""
    runs = history.runs[history.runs["variant"] == name]
    has_seeds = runs["seed"].nunique() > 1
    for run in runs.sort_values(["learning_rate", "seed"]).itertuples():
        steps, values = history.curve(name, run.learning_rate, run.seed)
        tag = panel.rate_tag(run.learning_rate, run.seed if has_seeds else None)
        yield Line(panel.runs[name], tag, (steps, _below(panel, values)))


def _below(panel: Panel, losses: np.ndarray) -> np.ndarray:
    """Return the losses, NaN above what a chart can show."""
    return np.where(losses <= HIGHEST * panel.reference.at_zero, losses, np.nan)


def depth_lines(panels: Sequence[Panel], history: History) -> Iterator[Line]:
    """Yield a line over the depths for each optimizer: the result at each depth's best rate.

    An optimizer needs several depths, and one variant for each of them.
    """
    columns = {"excess_loss": "excess loss", "steps_to_target": "steps to target"}
    for panel in panels:
        best = history.runs[history.runs["variant"].isin(list(panel.runs))]
        best = best.sort_values("final_loss").drop_duplicates("variant").sort_values("depth")
        for optimizer, rows in best.groupby("optimizer", sort=False):
            if len(rows) == 1 or not rows["depth"].is_unique or (rows["depth"] % 1 != 0).any():
                continue
            for column, words in columns.items():
                known = rows.dropna(subset=column)
                if len(known) > 1:
                    curve = known["depth"], known[column].astype(float)
                    yield Line(
                        CHARTS, f"results by depth/{words} of {optimizer}, {panel.name}", curve
                    )


def compared_tags(lines: Iterable[Line]) -> set[str]:
    """Return the tags under which at least two lines can be seen, or one that is alone."""
    visible: dict[str, list[bool]] = {}
    for line in lines:
        _, values = line.curve
        is_visible = bool(np.isfinite(np.asarray(values, float)).sum() > 2)
        visible.setdefault(line.chart, []).append(is_visible)
    return {tag for tag, seen in visible.items() if sum(seen) >= min(2, len(seen))}
