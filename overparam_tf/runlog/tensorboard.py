"""The files of a run for TensorBoard: curves, hyperparameters, figures, texts, chosen charts."""

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

from overparam_tf.checks import file_path
from overparam_tf.runlog.event_file import EventFile

# The run of the figures and texts, which belong to no single trial; beneath it there is one run for
# each line of a chart. With more than 40 runs TensorBoard's older dashboards show none until asked;
# the filter `charts` selects these few.
CHARTS = "charts"
# The folder of the distributions, a run each.
DISTRIBUTIONS = "distributions"
# The run that describes the dashboards: columns of HParams, layout of Custom Scalars. TensorBoard
# uses only the first such run that it reads; where several logs are shown together, one must
# replace all of them (`experiments.board`).
DASHBOARD = "dashboard"


class TensorBoardLog:
    """Event files under one folder: a subfolder for each trial, and a few for all together.

    Args:
        folder: Folder of the event files, such as `tb` of a run folder. The names of the two
            folders above it keep its trials apart from those of other logs.
    """

    def __init__(self, folder: str | os.PathLike):
        self._folder = file_path("folder", folder)

    def clear(self) -> None:
        """Remove the event files of an earlier attempt, since TensorBoard would show both."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def declare(self, hparams: Sequence[str], metrics: Mapping[str, str]) -> None:
        """Write the columns of the HParams dashboard.

        Args:
            hparams: Names of the hyperparameters. TensorBoard shows the first five at once.
            metrics: Titles of the metrics, by tag.
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
        """Write one run: its hyperparameters, its losses, and its metrics at the last step.

        Args:
            run: Name of the run's subfolder, see `run_name`.
            hparams: Hyperparameters.
            outcome: Metrics by tag; those that are not finite are left out.
            curve: Steps and losses, under the tag `loss`.
            failed: Whether the HParams dashboard shows the trial as failed; default False.
        """
        steps, losses = curve
        last = int(steps[-1]) if len(steps) else 0
        # TensorBoard takes trials of the same identifier for repetitions, and averages them.
        identifier = "/".join([*self._folder.absolute().parts[-3:-1], run])
        with EventFile(self._folder / run) as file:
            file.summary(hp.hparams_pb(dict(hparams), trial_id=identifier))
            file.scalars("loss", steps, losses)
            for tag, value in outcome.items():
                file.scalars(tag, [last], [value])
            status = api_pb2.STATUS_FAILURE if failed else api_pb2.STATUS_SUCCESS
            file.summary(hparams_summary.session_end_pb(status), last)

    def line(self, name: str, chart: str, curve: tuple[Sequence[int], Sequence[float]]) -> None:
        """Write a line of a chart as a run of its own, which has its own name and colour.

        Args:
            name: Name of the line.
            chart: Tag of the chart.
            curve: Steps and values.
        """
        with EventFile(self._folder / CHARTS / folder_name(name)) as file:
            file.scalars(chart, *curve)

    def distribution(self, name: str, chart: str, values: Mapping[int, Sequence[float]]) -> None:
        """Write how values are distributed at each of a few steps.

        Args:
            name: Name of the run.
            chart: Tag of the chart.
            values: The values by step.
        """
        with EventFile(self._folder / DISTRIBUTIONS / folder_name(name)) as file:
            for step, values_at_step in values.items():
                file.histogram(chart, values_at_step, step)

    def layout(self, charts: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """Write the layout of the Custom Scalars dashboard.

        Args:
            charts: For each category its charts: their titles, each with the regular expressions of
                its tags.
        """
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
        """Write columns of HParams and categories of Custom Scalars, in TensorBoard's own terms.

        Args:
            hparams: Columns of hyperparameters.
            metrics: Columns of metrics. Where both lists are empty, HParams is left as it is.
            categories: Categories of charts; an empty list leaves Custom Scalars as it is.
        """
        with EventFile(self._folder / DASHBOARD) as file:
            if hparams or metrics:
                file.summary(hparams_summary.experiment_pb(list(hparams), list(metrics)))
            if categories:
                file.summary(custom_scalar.pb(layout_pb2.Layout(category=list(categories))))

    def report(self, figures: Sequence[Path], texts: Mapping[str, str]) -> None:
        """Write figures and texts in place of those of an earlier report.

        Args:
            figures: PNG files, each shown under its own name.
            texts: Texts in Markdown, by tag.
        """
        for path in (self._folder / CHARTS).glob("events.*.report"):
            path.unlink()
        with EventFile(self._folder / CHARTS, ".report") as file:
            for path in figures:
                file.png(f"figures/{path.stem}", path)
            for tag, markdown in texts.items():
                file.text(tag, markdown)


def folder_name(variant: str) -> str:
    """Return a variant's name with `_` for each character that a file system may refuse.

    Example:
        >>> folder_name("../a/b")
        '_._a_b'
    """
    return re.sub(r"^\.|[^ -.0-~]", "_", variant)


def run_name(variant: str, learning_rate: float, seed: int) -> str:
    """Return the name of a run's subfolder.

    Example:
        >>> run_name("GD, depth 3", 1e-4, 0)
        'GD, depth 3/lr=0.0001, seed=0'
    """
    return f"{folder_name(variant)}/lr={learning_rate:.6g}, seed={seed}"
