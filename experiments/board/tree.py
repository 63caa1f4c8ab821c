"""A folder of links that shows TensorBoard the chosen runs and no others, and one dashboard for all."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

from overparam_tf.errors import InputError
from overparam_tf.runlog import RunFolder, TensorBoardLog
from overparam_tf.runlog.tensorboard import DASHBOARD


class BoardTree:
    """Links EXPERIMENT/NAME/.. to the event files of runs.

    `--logdir_spec` would name several folders too, but TensorBoard discourages it, and of the runs that say how to show
    the others it would go by one only. So these are left out, and one takes the place of all.

    Args:
        root: an empty folder.
    """

    def __init__(self, root: Path):
        self._root = root
        self._merged: tuple | None = None

    def show(self, runs: Sequence[RunFolder]) -> None:
        """Links what is there of these runs and not linked yet; to be called again when more may be there."""
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
            TensorBoardLog(self._root).dashboard(*merged)


def merge_dashboards(
    folders: Iterable[Path],
) -> tuple[list[api_pb2.HParamInfo], list[api_pb2.MetricInfo], list[layout_pb2.Category]]:
    """One dashboard of several: HParams columns, those that most have first, and the categories of Custom Scalars.

    The categories are closed if they are of several logs: the filter in an address leaves those of one.
    """
    hparams, metrics, layouts, count = {}, {}, [], Counter()
    for folder in folders:
        categories = []
        for value in _values(folder):
            if value.metadata.plugin_data.plugin_name == "hparams":
                data = plugin_data_pb2.HParamsPluginData.FromString(
                    value.metadata.plugin_data.content
                ).experiment
                for infos, name, info in [
                    *((hparams, info.name, info) for info in data.hparam_infos),
                    *((metrics, info.name.tag, info) for info in data.metric_infos),
                ]:
                    infos.setdefault(name, info)
                    count[name] += 1
            else:
                categories += layout_pb2.Layout.FromString(
                    tf.make_ndarray(value.tensor).item()
                ).category
        layouts += [categories] if categories else []
    for categories in layouts if len(layouts) > 1 else []:
        for category in categories:
            category.closed = True
    by_count = [
        [info for _, info in sorted(infos.items(), key=lambda item: -count[item[0]])]
        for infos in (hparams, metrics)
    ]
    return *by_count, [category for categories in layouts for category in categories]


def _values(folder: Path) -> list[tf.compat.v1.Summary.Value]:
    """The summaries of all event files in a folder."""
    return [
        value
        for path in sorted(folder.glob("events*"))
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
        for value in tf.compat.v1.Event.FromString(record).summary.value
    ]


def _link(place: Path, target: Path) -> None:
    try:
        os.symlink(target.absolute(), place, target_is_directory=target.is_dir())
    except OSError as error:
        raise InputError(
            f"Cannot make links in {place.parent}: {error.strerror}. Use instead: tensorboard --logdir {target.parent}"
        ) from None
