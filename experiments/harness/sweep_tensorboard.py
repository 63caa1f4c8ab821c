"""A sweep in TensorBoard: a run for each variant, with its best curve and those of all rates."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from experiments.harness.sweep_hparams import METRICS, trials_of
from experiments.harness.sweep_places import Panel
from experiments.harness.tensorboard import (
    CHARTS,
    Board,
    Distribution,
    Layout,
    Line,
    layout_of,
)
from overparam_tf.runlog import LiveCurves, RunFolder, TensorBoardLog
from overparam_tf.runlog.tensorboard import categories_of
from overparam_tf.sweep import History, Variant

Curve = tuple[np.ndarray, np.ndarray]
Follow = Callable[[np.ndarray, np.ndarray], object]
# The curve of a rate is shown up to this multiple of the zero kernel's loss: a divergence beyond it
# would flatten all others.
HIGHEST = 2.0


class SweepBoard:
    """The view of a run of sweeps, while they train and after.

    Args:
        folder: The run folder.
        record: Its config.json.
        panels: The panels.
    """

    def __init__(self, folder: RunFolder, record: Mapping[str, Any], panels: Sequence[Panel]):
        self._folder, self._record, self._panels = folder, record, panels
        self._title = f"{record['experiment']}, {record['data']['label']}"

    @contextlib.contextmanager
    def live(self) -> Iterator[LiveCurves]:
        """Open a block in which curves are written while they grow; see `follower`.

        The runs are made in the order of the variants, by which TensorBoard colours them.
        """
        log = TensorBoardLog(self._folder.path)
        log.clear()
        runs = [run for panel in self._panels for run in panel.runs.values()]
        with LiveCurves(log, list(dict.fromkeys(runs))) as curves:
            curves.flush()
            log.dashboard([], [], categories_of(self._layout([])))
            yield curves

    def follower(
        self, curves: LiveCurves, variants: Sequence[Variant], with_best: bool = True
    ) -> Follow:
        """Return what writes the new points of a sweep's curves.

        Args:
            curves: Where to.
            variants: The variants of the sweep.
            with_best: Whether to write the curves at the best rate so far; default True. A second
                sweep of the same variants would write them twice.
        """

        def follow(steps: np.ndarray, losses: np.ndarray) -> None:
            ends = np.cumsum([len(variant.runs) for variant in variants])[:-1]
            by_variant = dict(zip(variants, np.split(losses, ends, axis=1), strict=True))
            best = {
                variant.name: (steps, np.fmin.reduce(values, axis=1))
                for variant, values in by_variant.items()
            }
            for panel in self._panels:
                members = {name: curve for name, curve in best.items() if name in panel.runs}
                if with_best:
                    for line in story_lines(panel, members):
                        curves.add(line.run, line.chart, *line.curve)
                for variant, values in by_variant.items():
                    if variant.name in panel.runs:
                        for line in rate_lines(panel, variant, steps, values):
                            curves.add(line.run, line.chart, *line.curve)
            curves.flush()

        return follow

    def write(self, history: History, variants: Sequence[Variant]) -> None:
        """Write the view of a finished or interrupted run, in place of the live one.

        Args:
            history: The history of the sweeps.
            variants: The variants that were begun.
        """
        by_depth = list(depth_lines(self._panels, history))
        Board(
            self._title,
            METRICS if all(panel.is_alone for panel in self._panels) else _metrics(self._panels),
            trials_of(self._panels, history, self._record),
            self._lines(history, by_depth),
            _distributions(self._panels, history, variants, self._record),
            layout=self._layout([line.chart for line in by_depth]),
        ).write(self._folder)

    def _lines(self, history: History, by_depth: Sequence[Line]) -> Iterator[Line]:
        begun = set(history.variants)
        for panel in self._panels:
            names = [name for name in panel.runs if name in begun]
            curves = {name: history.best_curve(name) for name in names}
            yield from story_lines(panel, {k: c for k, c in curves.items() if c is not None})
            for name in names:
                yield from _rates_of(panel, history, name)
        yield from by_depth

    def _layout(self, more: Sequence[str]) -> Layout:
        """Return the charts of Custom Scalars: the story, the rates, and `more` tags."""
        story = [tag for panel in self._panels for tag in panel.charts()]
        # A chart of a single variant would compare nothing.
        by_rate = [
            panel.rate_tag(float(rate))
            for panel in self._panels
            for rate, count in panel.rates.items()
            if count > 1
        ]
        # Of each kind the charts of all panels, side by side.
        story.sort(key=lambda tag: tag.partition("/")[0])
        return layout_of(self._title, [*story, *more, *by_rate])


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


def _rates_of(panel: Panel, history: History, name: str) -> Iterator[Line]:
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


def _metrics(panels: Sequence[Panel]) -> dict[str, str]:
    """Return the titles of HParams' metrics where a run is in several panels."""
    return {f"result/excess_loss, {panel.name}": f"excess loss, {panel.name}" for panel in panels}


def _distributions(
    panels: Sequence[Panel],
    history: History,
    variants: Sequence[Variant],
    record: Mapping[str, Any],
) -> Iterator[Distribution]:
    """Yield the singular values of every deep variant's best run."""
    panel_of = {name: panel for panel in panels for name in panel.runs}
    for variant in variants:
        deep = variant.update == "factors" and variant.depth > 1
        if deep and history.best(variant.name) is not None:
            yield from _singular_values(panel_of[variant.name], history, variant, record)


def _singular_values(
    panel: Panel, history: History, variant: Variant, record: Mapping[str, Any]
) -> Iterator[Distribution]:
    """Yield the singular values of the best run's factors and product, before and after it."""
    best = history.best(variant.name)
    trained = history.model(variant.name, best["learning_rate"], best["seed"]).layers[0]
    features, outputs = trained.factors[0].shape[0], trained.factors[-1].shape[1]
    dtype = record["options"]["dtype"]
    untrained = variant.layer(features, outputs, int(best["seed"]), dtype)
    factors, products = {}, {}
    for step, layer in ((0, untrained), (int(best["steps"]), trained)):
        matrices = [factor.numpy() for factor in layer.factors]
        spectra = [np.linalg.svd(matrix, compute_uv=False) for matrix in matrices]
        factors[step] = np.concatenate(spectra)
        products[step] = np.linalg.svd(np.linalg.multi_dot(matrices), compute_uv=False)
    run, where = panel.runs[variant.name], "" if panel.is_alone else f", {panel.name}"
    yield Distribution(run, f"singular values/of all factors{where}", factors)
    yield Distribution(run, f"singular values/of their product{where}", products)
