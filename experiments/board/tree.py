"""A folder of links to the event files of chosen runs, and one dashboard for all of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

from overparam_tf.errors import InputError
from overparam_tf.runlog import RunFolder, TensorBoardLog
from overparam_tf.runlog.tensorboard import DASHBOARD


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
    """Links EXPERIMENT/NAME/.. to the event files of runs.

    TensorBoard's `--logdir_spec` could name several folders too, but its manual discourages it, and
    of several dashboards it would follow one only. So the runs' own dashboards are left out of the
    links, and one merged dashboard stands for all.

    Args:
        root: An empty folder.
    """

    def __init__(self, root: Path):
        self._root = root
        self._merged: Dashboard | None = None

    def show(self, runs: Sequence[RunFolder]) -> None:
        """Link the event files of these runs that are not linked yet.

        Call it again to add files that were written since.
        """
        for run in runs:
            place = self._root / run.path.parent.name / run.name
            place.mkdir(parents=True, exist_ok=True)
            for entry in sorted(run.tensorboard.iterdir()):
                if entry.name != DASHBOARD and not (place / entry.name).is_symlink():
                    _link(place / entry.name, entry)
        merged = merge_dashboards(run.tensorboard / DASHBOARD for run in runs)
        if merged != self._merged:
            self._merged = merged
            for path in (self._root / DASHBOARD).glob("events*"):
                path.unlink()
            log = TensorBoardLog(self._root)
            log.dashboard(merged.hparams, merged.metrics, merged.categories)


def merge_dashboards(folders: Iterable[Path]) -> Dashboard:
    """Return one dashboard for those in several folders.

    The columns of HParams that most of them have come first. If Custom Scalars has categories of
    several of them, all are closed: the filter in an address leaves those of one.
    """
    dashboards = [_read_dashboard(folder) for folder in folders]
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


def _read_dashboard(folder: Path) -> Dashboard:
    dashboard = Dashboard([], [], [])
    for value in _values(folder):
        plugin = value.metadata.plugin_data
        if plugin.plugin_name == "hparams":
            columns = plugin_data_pb2.HParamsPluginData.FromString(plugin.content).experiment
            dashboard.hparams.extend(columns.hparam_infos)
            dashboard.metrics.extend(columns.metric_infos)
        else:
            layout = layout_pb2.Layout.FromString(tf.make_ndarray(value.tensor).item())
            dashboard.categories.extend(layout.category)
    return dashboard


def _values(folder: Path) -> Iterator[tf.compat.v1.Summary.Value]:
    """Yield the summaries of all event files in a folder."""
    for path in sorted(folder.glob("events*")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            yield from tf.compat.v1.Event.FromString(record).summary.value


def _link(place: Path, target: Path) -> None:
    try:
        os.symlink(target.absolute(), place, target_is_directory=target.is_dir())
    except OSError as error:
        raise InputError(
            f"Cannot make links in {place.parent}: {error.strerror}. "
            f"Use instead: tensorboard --logdir {target.parent}"
        ) from None
