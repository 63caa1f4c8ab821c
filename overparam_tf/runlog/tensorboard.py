"""TensorBoard's event files: curves, hyperparameters with outcomes, figures, text, and a layout of chosen charts."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar
from tensorboard.plugins.hparams import api as hp
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import summary as hparams_summary

from overparam_tf.runlog.event_file import EventFile

# The run of what belongs to no single trial: figures and texts; beneath it, one of each line of the charts. With more
# than 40 runs TensorBoard's older dashboards show none until asked; the filter `charts` brings up these few.
CHARTS = "charts"
# Beneath this one, a run of each distribution.
DISTRIBUTIONS = "distributions"
# The run that says how to show the others: columns of HParams, layout of Custom Scalars. TensorBoard goes by one such
# run, whichever it finds first; where several logs are shown together, one must replace all (`experiments.board`).
DASHBOARD = "dashboard"


class TensorBoardLog:
    """Event files under one folder: a subfolder a trial, and a few for what belongs to all.

    Args:
        folder: where the event files go, e.g. a run folder's `tb`. The names of the two folders above it keep its
            trials apart from those of other logs.
    """

    def __init__(self, folder: str | os.PathLike):
        self._folder = Path(folder)

    def clear(self) -> None:
        """Removes the event files of an earlier attempt; TensorBoard would show both."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def declare(self, hparams: Sequence[str], metrics: Mapping[str, str]) -> None:
        """Names the columns of the HParams dashboard: hyperparameters, and metrics as {tag: title}.

        TensorBoard shows five hyperparameters until asked for more: the first five here.
        """
        columns = [
            api_pb2.HParamInfo(name=name, differs=index < 5) for index, name in enumerate(hparams)
        ]
        outcomes = [
            api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=title)
            for tag, title in metrics.items()
        ]
        self.dashboard(columns, outcomes, [])

    def trial(
        self,
        run: str,
        hparams: Mapping[str, str | float],
        outcome: Mapping[str, float],
        curve: tuple[Sequence[int], Sequence[float]],
        failed: bool = False,
    ) -> None:
        """One run: its hyperparameters, the curve `loss`, and its outcome as scalars at the last step.

        Args:
            run: name of the run's subfolder; see `run_name`.
            hparams: hyperparameters.
            outcome: metrics; those that are not finite are left out.
            curve: steps and losses.
            failed: marks the trial as failed in the HParams dashboard.
        """
        steps, losses = curve
        last = int(steps[-1]) if len(steps) else 0
        # Trials of the same identifier are taken for repetitions of one, and averaged.
        identifier = "/".join([*self._folder.absolute().parts[-3:-1], run])
        with EventFile(self._folder / run) as file:
            file.summary(hp.hparams_pb(dict(hparams), trial_id=identifier))
            file.scalars("loss", steps, losses)
            for tag, value in outcome.items():
                file.scalars(tag, [last], [value])
            status = api_pb2.STATUS_FAILURE if failed else api_pb2.STATUS_SUCCESS
            file.summary(hparams_summary.session_end_pb(status), last)

    def line(self, name: str, chart: str, curve: tuple[Sequence[int], Sequence[float]]) -> None:
        """A line of the chart of that tag: a run of its own, so that it has its own name and colour."""
        with EventFile(self._folder / CHARTS / folder_name(name)) as file:
            file.scalars(chart, *curve)

    def distribution(self, name: str, chart: str, values: Mapping[int, Sequence[float]]) -> None:
        """How values are distributed at each of a few steps, {step: values}."""
        with EventFile(self._folder / DISTRIBUTIONS / folder_name(name)) as file:
            for step, those in values.items():
                file.histogram(chart, those, step)

    def layout(self, charts: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """The Custom Scalars dashboard: {category: {chart title: regular expressions of tags}}."""
        categories = [
            layout_pb2.Category(
                title=category,
                chart=[
                    layout_pb2.Chart(
                        title=title, multiline=layout_pb2.MultilineChartContent(tag=list(tags))
                    )
                    for title, tags in titled.items()
                ],
            )
            for category, titled in charts.items()
        ]
        self.dashboard([], [], categories)

    def dashboard(
        self,
        hparams: Sequence[api_pb2.HParamInfo],
        metrics: Sequence[api_pb2.MetricInfo],
        categories: Sequence[layout_pb2.Category],
    ) -> None:
        """Columns of HParams, if any, and categories of Custom Scalars, if any, in TensorBoard's own terms."""
        with EventFile(self._folder / DASHBOARD) as file:
            if hparams or metrics:
                file.summary(hparams_summary.experiment_pb(list(hparams), list(metrics)))
            if categories:
                file.summary(custom_scalar.pb(layout_pb2.Layout(category=list(categories))))

    def report(self, figures: Sequence[Path], texts: Mapping[str, str]) -> None:
        """PNG files, each under its own name, and Markdown texts by tag, in place of those of an earlier report."""
        for path in (self._folder / CHARTS).glob("events.*.report"):
            path.unlink()
        with EventFile(self._folder / CHARTS, ".report") as file:
            for path in figures:
                file.png(f"figures/{path.stem}", path)
            for tag, markdown in texts.items():
                file.text(tag, markdown)


def folder_name(variant: str) -> str:
    """A variant's name without what file systems dislike.

    Example:
        >>> folder_name("../a/b")
        '_._a_b'
    """
    return re.sub(r"^\.|[^ -.0-~]", "_", variant)


def run_name(variant: str, learning_rate: float, seed: int) -> str:
    """A run's subfolder.

    Example:
        >>> run_name("GD, depth 3", 1e-4, 0)
        'GD, depth 3/lr=0.0001, seed=0'
    """
    return f"{folder_name(variant)}/lr={learning_rate:.6g}, seed={seed}"
