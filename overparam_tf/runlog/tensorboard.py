"""The files of a run for TensorBoard: curves, hyperparameters, figures, texts, chosen charts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar
from tensorboard.plugins.hparams import api as hp
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import summary as hparams_summary

from overparam_tf.checks import file_path
from overparam_tf.errors import InputError
from overparam_tf.runlog.event_file import PATTERN, EventFile, as_utf8
from overparam_tf.runlog.folder import OLD_TENSORBOARD, SHARES

# The TensorBoard run of the figures and texts, and of curves that belong to no single variant.
CHARTS = "charts"
# The TensorBoard run that describes the dashboards: columns of HParams, layout of Custom Scalars.
# Of several ones HParams uses the first that it reads; where several logs are shown together, one
# must replace all of them (`experiments.board`).
DASHBOARD = "dashboard"
# Folders of a run folder that hold something else.
TAKEN = ("figures", "checkpoints", SHARES, OLD_TENSORBOARD, CHARTS, DASHBOARD)
# Ends of the names of event files that can be left out or replaced by themselves.
HPARAMS, REPORT = ".hparams", ".report"


class TensorBoardLog:
    """The event files of a run folder: a subfolder for each variant, and two for all together.

    TensorBoard shows every subfolder as a run of its own, under its path. Its older dashboards
    select none of more than 40 runs, and use seven colours: so a run folder has as few of them as
    it can, at most a dozen, and a variant has all its curves in one of them.

    Args:
        folder: The run folder. The end of its path keeps its rows in HParams apart from those of
            other logs.
    """

    def __init__(self, folder: str | os.PathLike):
        self._folder = file_path("folder", folder)

    def clear(self, run: str = "") -> None:
        """Remove the event files of an earlier attempt, since TensorBoard would show both.

        Args:
            run: The folder of a TensorBoard run; default `""`, all of them.

        Raises:
            InputError: If they cannot be removed.
        """
        try:
            for path in sorted((self._folder / run).rglob(PATTERN)):
                path.unlink()
                for parent in path.parents:
                    if parent == self._folder or any(parent.iterdir()):
                        break
                    parent.rmdir()
        except OSError as error:
            raise InputError(
                f"Cannot remove TensorBoard's files in {self._folder}: {error.strerror}"
            ) from None

    def file(self, run: str, suffix: str = "", replaces: bool = False) -> EventFile:
        """Return a new event file of a TensorBoard run; see `EventFile`.

        Args:
            run: The run's name: that of a variant, or `CHARTS`.
            suffix: End of the file's name; default none.
            replaces: Whether the file takes the place of all that the run had before.
        """
        return EventFile(self._folder / (run if run == CHARTS else run_name(run)), suffix, replaces)

    def declare(self, hparams: Sequence[str], metrics: Mapping[str, str]) -> None:
        """Write the columns of the HParams dashboard.

        Args:
            hparams: Names of the hyperparameters. TensorBoard shows the first five at once.
            metrics: Titles of the metrics, by tag.
        """
        self.dashboard(hparam_columns(hparams), metric_columns(metrics), [])

    def trial(
        self,
        run: str,
        hparams: Mapping[str, str | float],
        outcome: Mapping[str, float],
        step: int = 0,
        failed: bool = False,
    ) -> None:
        """Write the row of a TensorBoard run in the HParams dashboard.

        Args:
            run: The run's name.
            hparams: Hyperparameters.
            outcome: Metrics by tag; those that are not finite are left out.
            step: The last step, at which the metrics are; default 0.
            failed: Whether the dashboard shows the run as failed; default False.
        """
        # TensorBoard takes trials of the same identifier for repetitions, and averages them.
        place = "/".join(self._folder.absolute().parts[-3:])
        identifier = as_utf8(f"{run}, {place}")
        values = {
            name: as_utf8(value) if isinstance(value, str) else value
            for name, value in hparams.items()
        }
        with self.file(run, HPARAMS) as file:
            file.summary(hp.hparams_pb(values, trial_id=identifier))
            for tag, value in outcome.items():
                file.scalars(tag, [step], [value])
            status = api_pb2.STATUS_FAILURE if failed else api_pb2.STATUS_SUCCESS
            file.summary(hparams_summary.session_end_pb(status), step)

    def layout(self, charts: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """Write the layout of the Custom Scalars dashboard.

        Args:
            charts: For each category its charts: their titles, each with the regular expressions of
                its tags.
        """
        self.dashboard([], [], categories_of(charts))

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
        for path in (self._folder / CHARTS).glob(f"{PATTERN}{REPORT}"):
            path.unlink()
        with self.file(CHARTS, REPORT) as file:
            for path in figures:
                file.png(f"figures/{path.stem}", path)
            for tag, markdown in texts.items():
                file.text(tag, markdown)


def hparam_columns(names: Sequence[str]) -> list[api_pb2.HParamInfo]:
    """Return the columns of hyperparameters, of which TensorBoard shows the first five at once."""
    return [api_pb2.HParamInfo(name=name, differs=index < 5) for index, name in enumerate(names)]


def metric_columns(titles: Mapping[str, str]) -> list[api_pb2.MetricInfo]:
    """Return the columns of metrics, from their titles by tag."""
    return [
        api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=title)
        for tag, title in titles.items()
    ]


def categories_of(charts: Mapping[str, Mapping[str, Sequence[str]]]) -> list[layout_pb2.Category]:
    """Return the categories of Custom Scalars; see `TensorBoardLog.layout`."""
    return [
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


def run_name(variant: str) -> str:
    """Return the name of a variant's subfolder.

    It has `_` for each character that a file system may refuse, and at its end where a run folder
    has another subfolder of that name.

    Example:
        >>> run_name("GD, depth 3"), run_name("../a/b"), run_name("figures")
        ('GD, depth 3', '_._a_b', 'figures_')
    """
    name = re.sub(r"^\.|[^ -.0-~]", "_", variant)
    return f"{name}_" if name in TAKEN else name
