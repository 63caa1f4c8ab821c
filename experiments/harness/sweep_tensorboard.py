"""A sweep in TensorBoard: a run for each variant, with its best curve and those of all rates."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from experiments.harness.sweep_hparams import METRICS, trials_of
from experiments.harness.sweep_lines import (
    compared_tags,
    depth_lines,
    rate_lines,
    rate_lines_of,
    story_lines,
)
from experiments.harness.sweep_places import Panel
from experiments.harness.tensorboard import (
    Board,
    Distribution,
    Layout,
    Line,
    layout_of,
)
from overparam_tf.runlog import LiveCurves, RunFolder, TensorBoardLog
from overparam_tf.runlog.tensorboard import DASHBOARD, categories_of
from overparam_tf.sweep import History, Variant

Follow = Callable[[np.ndarray, np.ndarray], object]


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
        self._begun: list[Panel] = []

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
            yield curves

    def follower(
        self, curves: LiveCurves, variants: Sequence[Variant], with_best: bool = True
    ) -> Follow:
        """Return what writes the new points of a sweep's curves, and show their charts from now on.

        Args:
            curves: Where to.
            variants: The variants of the sweep.
            with_best: Whether to write the curves at the best rate so far; default True. A second
                sweep of the same variants would write them twice.
        """

        names = {variant.name for variant in variants}
        self._begun += [panel for panel in self._panels if names & set(panel.runs)]
        log = TensorBoardLog(self._folder.path)
        log.clear(DASHBOARD)
        log.dashboard([], [], categories_of(self._layout([])))
        return SweepFollower(self._panels, curves, variants, with_best)

    def write(self, history: History, variants: Sequence[Variant]) -> None:
        """Write the view of a finished or interrupted run, in place of the live one.

        Args:
            history: The history of the sweeps.
            variants: The variants that were begun.
        """
        names = {variant.name for variant in variants}
        self._begun = [panel for panel in self._panels if names & set(panel.runs)]
        lines = list(self._lines(history))
        by_depth = list(depth_lines(self._panels, history))
        Board(
            self._title,
            METRICS if all(panel.is_alone for panel in self._panels) else _metrics(self._panels),
            trials_of(self._panels, history, self._record),
            [*lines, *by_depth],
            _distributions(self._panels, history, variants, self._record),
            layout=self._layout([line.chart for line in by_depth], compared_tags(lines)),
        ).write(self._folder)

    def _lines(self, history: History) -> Iterator[Line]:
        begun = set(history.variants)
        for panel in self._panels:
            names = [name for name in panel.runs if name in begun]
            curves = {name: history.best_curve(name) for name in names}
            yield from story_lines(panel, {k: c for k, c in curves.items() if c is not None})
            for name in names:
                yield from rate_lines_of(panel, history, name)

    def _layout(self, more: Sequence[str], compared: Collection[str] | None = None) -> Layout:
        """Return the charts of Custom Scalars.

        Args:
            more: Tags of charts that follow the story.
            compared: The tags that have curves to compare; default None, not known yet.
        """
        panels = [panel for panel in self._panels if panel in self._begun]
        story = [tag for panel in panels for tag in panel.charts()]
        # A chart of a single variant would compare nothing.
        by_rate = [
            panel.rate_tag(float(rate))
            for panel in panels
            for rate, count in panel.rates.items()
            if count > 1
        ]
        # Of each kind the charts of all panels, side by side.
        story.sort(key=lambda tag: tag.partition("/")[0])
        charts = [*story, *more, *by_rate]
        if compared is not None:
            charts = [tag for tag in charts if tag in compared or tag in more]
        return layout_of(self._title, charts)


class SweepFollower:
    """Writes the new points of a sweep's curves, as `Sweep.run` hands them to `follow`.

    Args:
        panels: The panels.
        curves: Where to.
        variants: The variants of the sweep.
        with_best: Whether to write the curves at the best rate so far.
    """

    def __init__(
        self,
        panels: Sequence[Panel],
        curves: LiveCurves,
        variants: Sequence[Variant],
        with_best: bool,
    ):
        self._panels, self._curves = panels, curves
        self._variants, self._with_best = variants, with_best

    def __call__(self, steps: np.ndarray, losses: np.ndarray) -> None:
        """Write the losses (S, R) of these steps."""
        ends = np.cumsum([len(variant.runs) for variant in self._variants])[:-1]
        parts = np.split(losses, ends, axis=1)
        by_variant = list(zip(self._variants, parts, strict=True))
        best = {
            variant.name: (steps, np.fmin.reduce(values, axis=1)) for variant, values in by_variant
        }
        for panel in self._panels:
            members = {name: curve for name, curve in best.items() if name in panel.runs}
            if self._with_best:
                self._add(story_lines(panel, members))
            for variant, values in by_variant:
                if variant.name in panel.runs:
                    self._add(rate_lines(panel, variant, steps, values))
        self._curves.flush()

    def _add(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self._curves.add(line.run, line.chart, *line.curve)


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
