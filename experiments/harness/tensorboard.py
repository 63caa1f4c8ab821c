"""A run in TensorBoard: trials in HParams, lines in charts, distributions, the layout of charts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from overparam_tf.runlog import RunFolder, TensorBoardLog

Curve = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True)
class Trial:
    """A row of HParams.

    Attributes:
        run: Path of its TensorBoard run, e.g. `"GD, depth 3/lr=0.001, seed=0"`.
        hparams: Its hyperparameters by name.
        outcome: Its metrics by tag; those that are not finite are left out.
        curve: Steps and losses; default empty.
        failed: Whether HParams marks it as failed.
    """

    run: str
    hparams: Mapping[str, Any]
    outcome: Mapping[str, float]
    curve: Curve = ((), ())
    failed: bool = False


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
        name: Its name in the legend.
        chart: The chart's tag, `"CATEGORY/TITLE"` or a title alone.
        curve: Abscissas (TensorBoard's `step`, whole numbers) and values.
    """

    name: str
    chart: str
    curve: Curve


@dataclass(frozen=True)
class Distribution:
    """The distribution of values at each of a few steps.

    Attributes:
        name: The name of its TensorBoard run.
        chart: Its tag.
        values: Values by step.
    """

    name: str
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
        lines: The lines of the charts; the charts keep this order.
        distributions: The distributions.
    """

    title: str
    metrics: Mapping[str, str] = field(default_factory=dict)
    trials: Iterable[Trial] = ()
    lines: Iterable[Line] = ()
    distributions: Iterable[Distribution] = ()

    def write(self, folder: RunFolder) -> None:
        """Write the event files; those of an earlier attempt are removed first."""
        log = TensorBoardLog(folder.tensorboard)
        log.clear()
        trials, lines = list(self.trials), list(self.lines)
        if trials:
            hparams = _unique(name for trial in trials for name in trial.hparams)
            log.declare(hparams, self.metrics)
        for trial in trials:
            log.trial(trial.run, trial.hparams, trial.outcome, trial.curve, trial.failed)
        for line in lines:
            log.line(line.name, line.chart, line.curve)
        for each in self.distributions:
            log.distribution(each.name, each.chart, each.values)
        if lines:
            log.layout(self._layout(_unique(line.chart for line in lines)))

    def _layout(self, charts: Sequence[str]) -> dict[str, dict[str, list[str]]]:
        """Return {category: {title of a chart: [pattern of its tag]}}."""
        layout: dict[str, dict[str, list[str]]] = {}
        for chart in charts:
            category, slash, title = chart.partition("/")
            category = f"{self.title}: {category}" if slash else self.title
            layout.setdefault(category, {})[title or chart] = [f"^{re.escape(chart)}$"]
        return layout


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
