"""A run in TensorBoard: rows of HParams, lines of charts, distributions, the layout of charts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from overparam_tf.runlog import RunFolder, TensorBoardLog
from overparam_tf.runlog.tensorboard import CHARTS, categories_of, hparam_columns, metric_columns

Curve = tuple[Sequence[float], Sequence[float]]
# By category the charts: their titles, each with patterns of its tags.
Layout = Mapping[str, Mapping[str, Sequence[str]]]


@dataclass(frozen=True)
class Trial:
    """A row of HParams.

    Attributes:
        run: Its TensorBoard run, e.g. `"GD, depth 3"`.
        hparams: Its hyperparameters by name.
        outcome: Its metrics by tag; those that are not finite are left out.
        step: The step at which the metrics are; default 0.
        failed: Whether HParams marks it as failed.
    """

    run: str
    hparams: Mapping[str, Any]
    outcome: Mapping[str, float]
    step: int = 0
    failed: bool = False


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
        run: Its TensorBoard run, by which the legend names it: a variant, or `CHARTS`.
        chart: The chart's tag, `"CATEGORY/TITLE"` or a title alone.
        curve: Abscissas (TensorBoard's `step`, whole numbers) and values.
    """

    run: str
    chart: str
    curve: Curve


@dataclass(frozen=True)
class Distribution:
    """The distribution of values at each of a few steps.

    Attributes:
        run: Its TensorBoard run.
        chart: Its tag.
        values: Values by step.
    """

    run: str
    chart: str
    values: Mapping[int, Sequence[float]]


@dataclass(frozen=True)
class Board:
    """The content of one run in TensorBoard, except its report.

    Trials, lines and distributions may be generators: `write` then computes them, once, and
    `experiments.benchmarks.log_cost` counts their time as its own.

    Attributes:
        title: The experiment and its data; the names of Custom Scalars' categories begin with it.
        metrics: The metrics of HParams, title by tag.
        trials: The rows of HParams, which shows their first five hyperparameters at once.
        lines: The lines of the charts.
        distributions: The distributions.
        layout: The charts of Custom Scalars; default None, one for each tag of the lines, in their
            order.
    """

    title: str
    metrics: Mapping[str, str] = field(default_factory=dict)
    trials: Iterable[Trial] = ()
    lines: Iterable[Line] = ()
    distributions: Iterable[Distribution] = ()
    layout: Layout | None = None

    def write(self, folder: RunFolder) -> None:
        """Write the event files; those of an earlier attempt are removed first.

        The runs are written in the order of the lines, which is that of TensorBoard's colours, and
        the dashboard last.
        """
        log = TensorBoardLog(folder.path)
        log.clear()
        trials, lines = list(self.trials), list(self.lines)
        distributions = list(self.distributions)
        for run in _runs_of([*lines, *distributions]):
            with log.file(run, replaces=True) as file:
                for line in lines:
                    if line.run == run:
                        file.scalars(line.chart, *line.curve)
                for each in distributions:
                    if each.run == run:
                        for step, values in each.values.items():
                            file.histogram(each.chart, values, step)
        for trial in trials:
            log.trial(trial.run, trial.hparams, trial.outcome, trial.step, trial.failed)
        layout = self.layout
        if layout is None:
            layout = layout_of(self.title, _unique(line.chart for line in lines))
        columns = hparam_columns(_unique(name for trial in trials for name in trial.hparams))
        metrics = metric_columns(self.metrics) if trials else []
        if columns or layout:
            log.dashboard(columns, metrics, categories_of(layout))


def layout_of(title: str, charts: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """Return the layout of Custom Scalars that shows each of these tags in a chart of its own.

    Args:
        title: The beginning of the categories' names.
        charts: The tags, `"CATEGORY/TITLE"` or a title alone.
    """
    layout: dict[str, dict[str, list[str]]] = {}
    for chart in charts:
        category, slash, name = chart.partition("/")
        category = f"{title}: {category}" if slash else title
        layout.setdefault(category, {})[name or chart] = [f"^{re.escape(chart)}$"]
    return layout


def _runs_of(content: Iterable[Line | Distribution]) -> list[str]:
    """Return the names of the runs, each once, `CHARTS` last."""
    return sorted(_unique(each.run for each in content), key=lambda run: run == CHARTS)


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
