"""TensorBoard's event files: curves, hyperparameters with outcomes, figures, text, and a layout of chosen charts."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar
from tensorboard.plugins.hparams import api as hp
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import summary as hparams_summary

from overparam_tf.errors import InputError

# The run of what belongs to no single trial: figures, tables, the layout; beneath it, one of each best curve. With
# more than 40 runs TensorBoard shows none until asked; the filter `best` brings up these few.
SUMMARY = "best"


class TensorBoardLog:
    """Event files under one folder: a subfolder a run, and the subfolder `best` for what belongs to all.

    Everything goes through TensorFlow's summary API: Keras's TensorBoard callbacks expect a `fit`.

    Args:
        folder: where the event files go, e.g. a run folder's `tb`.
    """

    def __init__(self, folder: str | os.PathLike):
        self._folder = Path(folder)

    def clear(self) -> None:
        """Removes the event files of an earlier attempt; TensorBoard would show both."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.contextmanager
    def _writer(self, run: str = SUMMARY, suffix: str | None = None) -> Iterator[None]:
        """Within, summaries go to this run.

        Raises:
            InputError: if they cannot be written.
        """
        try:
            with tf.summary.create_file_writer(str(self._folder / run), filename_suffix=suffix).as_default():
                yield
        except tf.errors.OpError as error:
            reason = error.message.splitlines()[0].split("}} ")[-1]
            raise InputError(f"Cannot write TensorBoard's files: {reason}. Other results are intact") from None

    def declare(self, hparams: Sequence[str], metrics: Mapping[str, str]) -> None:
        """Names the columns of the HParams dashboard: hyperparameters, and metrics as {tag: title}."""
        with self._writer():
            hp.hparams_config(
                hparams=[hp.HParam(name) for name in hparams],
                metrics=[hp.Metric(tag, display_name=title) for tag, title in metrics.items()],
            )

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
        with self._writer(run):
            hp.hparams(dict(hparams), trial_id=run)
            self._scalars("loss", steps, losses)
            last = int(steps[-1]) if len(steps) else 0
            for tag, value in outcome.items():
                self._scalars(tag, [last], [value])
            status = api_pb2.STATUS_FAILURE if failed else api_pb2.STATUS_SUCCESS
            tf.summary.experimental.write_raw_pb(hparams_summary.session_end_pb(status).SerializeToString(), step=last)

    def best(self, variant: str, chart: str, curve: tuple[Sequence[int], Sequence[float]]) -> None:
        """The best curve of a variant, under the tag `chart`: a run of its own, so that it has its own colour."""
        with self._writer(f"{SUMMARY}/{folder_name(variant)}"):
            self._scalars(chart, *curve)

    def layout(self, charts: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """The Custom Scalars dashboard: {category: {chart title: regular expressions of tags}}."""
        categories = [
            layout_pb2.Category(
                title=category,
                chart=[
                    layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=list(tags)))
                    for title, tags in titled.items()
                ],
            )
            for category, titled in charts.items()
        ]
        summary = custom_scalar.pb(layout_pb2.Layout(category=categories))
        with self._writer():
            tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=0)

    def report(self, figures: Sequence[Path], texts: Mapping[str, str]) -> None:
        """PNG files, each under its own name, and Markdown texts by tag, in place of those of an earlier report."""
        for path in (self._folder / SUMMARY).glob("events.*.report"):
            path.unlink()
        with self._writer(suffix=".report"):
            for path in figures:
                tf.summary.image(path.stem, tf.io.decode_png(path.read_bytes(), channels=3)[None], step=0)
            for tag, markdown in texts.items():
                tf.summary.text(tag, markdown, step=0)

    @staticmethod
    def _scalars(tag: str, steps: Sequence[int], values: Sequence[float]) -> None:
        with np.errstate(over="ignore"):
            values = np.asarray(values, np.float32)  # as TensorBoard keeps them
        for step, value in zip(steps, values, strict=True):
            if np.isfinite(value):
                tf.summary.scalar(tag, value, step=int(step))


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
