"""A folder of links to the event files of chosen runs, and one dashboard for all of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

from experiments.board.trials import TrialTable, trial_table
from overparam_tf.errors import InputError
from overparam_tf.runlog import RunFolder, TensorBoardLog
from overparam_tf.runlog.event_file import PATTERN, read_summaries
from overparam_tf.runlog.tensorboard import (
    DASHBOARD,
    HPARAMS,
    hparam_columns,
    metric_columns,
)

# The folder of the rows of HParams, a TensorBoard run each.
TRIALS = "trials"


@dataclass(frozen=True)
class Dashboard:
    """How TensorBoard is to show runs.

    Attributes:
        hparams: The hyperparameters of HParams, in the order of its columns.
        metrics: The metrics of HParams, in the order of its columns.
        categories: The categories of Custom Scalars.
    """

    hparams: list[api_pb2.HParamInfo]
    metrics: list[api_pb2.MetricInfo]
    categories: list[layout_pb2.Category]


class BoardTree:
    """Links EXPERIMENT/NAME/.. to the event files of runs, and a row of HParams for each trial.

    TensorBoard's `--logdir_spec` could name several folders too, but its manual discourages it, and
    of several dashboards it would follow one only. So the runs' own dashboards are left out of the
    links, and one merged dashboard stands for all. So are their rows of HParams, one for each
    variant: there are rows for all rows of results.csv instead.

    Args:
        root: An empty folder.

    Attributes:
        left_out: By experiment and run, how many rows of results.csv are not shown.
    """

    def __init__(self, root: Path):
        self._root = root
        self._merged: Dashboard | None = None
        self._tables: dict[Path, tuple[float, TrialTable]] = {}
        self.left_out: dict[str, int] = {}

    def show(self, runs: Sequence[RunFolder]) -> None:
        """Link the event files of these runs, and make the rows of HParams.

        Call it again to follow what was written, replaced or removed since.
        """
        dashboards = []
        for run in runs:
            place = self._root / run.path.parent.name / run.name
            is_old = run.tensorboard != run.path  # it has a run for each trial
            _follow(place, run.tensorboard, with_hparams=is_old)
            dashboard = read_dashboard(run.tensorboard / DASHBOARD)
            table = None if is_old else self._trials(place, run)
            if table is not None and table.trials:
                columns = hparam_columns(table.hparams), metric_columns(table.metrics)
                dashboard = Dashboard(*columns, dashboard.categories)
            dashboards.append(dashboard)
        merged = merge_dashboards(dashboards)
        if merged != self._merged:
            self._merged = merged
            for path in (self._root / DASHBOARD).glob("events*"):
                path.unlink()
            log = TensorBoardLog(self._root)
            log.dashboard(merged.hparams, merged.metrics, merged.categories)

    def _trials(self, place: Path, run: RunFolder) -> TrialTable:
        """Return the rows of a run, and write them if its results.csv is new."""
        path = run.path / "results.csv"
        changed_at = path.stat().st_mtime if path.is_file() else 0.0
        known_at, table = self._tables.get(run.path, (-1.0, None))
        if table is not None and known_at == changed_at:
            return table
        table = trial_table(run)
        log = TensorBoardLog(place / TRIALS)
        log.clear()
        for trial in table.trials:
            log.trial(trial.run, trial.hparams, trial.outcome, trial.step, trial.failed)
        self._tables[run.path] = changed_at, table
        if table.left_out:
            self.left_out[f"{run.path.parent.name}/{run.name}"] = table.left_out
        return table


def merge_dashboards(dashboards: Sequence[Dashboard]) -> Dashboard:
    """Return one dashboard for several.

    The columns of HParams that most of them have come first. If Custom Scalars has categories of
    several of them, all are closed: the filter in an address leaves those of one.
    """
    layouts = [dashboard.categories for dashboard in dashboards if dashboard.categories]
    if len(layouts) > 1:
        for category in (category for categories in layouts for category in categories):
            category.closed = True
    return Dashboard(
        _most_frequent_first({info.name: info for info in each.hparams} for each in dashboards),
        _most_frequent_first({info.name.tag: info for info in each.metrics} for each in dashboards),
        [category for categories in layouts for category in categories],
    )


def _most_frequent_first(columns: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Return one value for each name, those of the most frequent names first."""
    first, count = {}, Counter()
    for by_name in columns:
        count.update(by_name.keys())
        for name, value in by_name.items():
            first.setdefault(name, value)
    return [first[name] for name, _ in count.most_common()]


def read_dashboard(folder: Path) -> Dashboard:
    """Return the dashboard whose event files are in a folder; an empty one if there are none."""
    dashboard = Dashboard([], [], [])
    for path in sorted(folder.glob(PATTERN)):
        for _, value in read_summaries(path):
            plugin = value.metadata.plugin_data
            if plugin.plugin_name == "hparams":
                columns = plugin_data_pb2.HParamsPluginData.FromString(plugin.content).experiment
                dashboard.hparams.extend(columns.hparam_infos)
                dashboard.metrics.extend(columns.metric_infos)
            else:
                layout = layout_pb2.Layout.FromString(tf.make_ndarray(value.tensor).item())
                dashboard.categories.extend(layout.category)
    return dashboard


def _follow(place: Path, target: Path, with_hparams: bool) -> None:
    """Make links in `place` to the event files in `target`, and remove those that lead nowhere."""
    for link in place.rglob(PATTERN):
        if link.is_symlink() and not link.exists():
            link.unlink()
    for path in sorted(target.rglob(PATTERN)):
        relative = path.relative_to(target)
        top, *_ = relative.parts
        if top == DASHBOARD or (path.name.endswith(HPARAMS) and not with_hparams):
            continue
        link = place / relative
        if not link.is_symlink():
            _link(link, path)


def _link(place: Path, target: Path) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(target.absolute(), place)
    except OSError as error:
        raise InputError(
            f"Cannot make links in {place.parent}: {error.strerror}. "
            f"Use instead: tensorboard --logdir {target.parent.parent}"
        ) from None
