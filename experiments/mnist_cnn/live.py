"""Losses and errors in TensorBoard while a net is training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from experiments.harness.tensorboard import layout_of
from experiments.mnist_cnn.records import PER_EPOCH, PER_STEP
from overparam_tf.progress import Progress
from overparam_tf.runlog import LiveCurves, RunFolder, TensorBoardLog
from overparam_tf.runlog.live_curves import EarlierCurves, read_curves
from overparam_tf.runlog.tensorboard import categories_of, run_name

TOTAL = PER_STEP["loss"]


class LiveBoard:
    """The curves of all nets while they train.

    Attributes:
        curves: Where they are written.
        earlier: Those that an interrupted or killed process wrote before.
    """

    def __init__(self, curves: LiveCurves, earlier: EarlierCurves):
        self.curves, self.earlier = curves, earlier


@contextlib.contextmanager
def live_board(folder: RunFolder, label: str, runs: Sequence[str]) -> Iterator[LiveBoard]:
    """Open a block in which curves are written while nets train.

    Args:
        folder: The run folder.
        label: The label of the data.
        runs: The TensorBoard runs, one for each net and seed.
    """
    earlier, log = read_curves(folder.tensorboard), TensorBoardLog(folder.path)
    log.clear()
    with LiveCurves(log, runs) as curves:
        curves.flush()
        charts = layout_of(f"mnist_cnn, {label}", [TOTAL, *PER_EPOCH.values()])
        log.dashboard([], [], categories_of(charts))
        yield LiveBoard(curves, earlier)


class LiveLosses(keras.callbacks.Callback):
    """Writes the total loss after each call of the compiled loop, and errors after each epoch.

    A training that goes on from a checkpoint first writes again what is before it. To be called
    with each `Progress` too.

    Args:
        board: Where to.
        run: The TensorBoard run.
        steps_per_epoch: Number of steps of an epoch.
    """

    def __init__(self, board: LiveBoard, run: str, steps_per_epoch: int):
        super().__init__()
        self._curves, self._run, self._steps_per_epoch = board.curves, run, steps_per_epoch
        self._earlier = board.earlier.get(run_name(run), {})

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Write what an earlier process had written up to the checkpoint."""
        # By way of a tensor: under a strategy the variable has a copy on each device.
        done = int(tf.convert_to_tensor(self.model.optimizer.iterations.value))
        ends = {TOTAL: done, **dict.fromkeys(PER_EPOCH.values(), done // self._steps_per_epoch + 1)}
        for tag, end in ends.items():
            steps, values = self._earlier.get(tag, (np.empty(0, int), np.empty(0)))
            self._curves.add(self._run, tag, steps[steps < end], values[steps < end])
        self._curves.flush(now=True)

    def __call__(self, progress: Progress) -> None:
        """Write the loss of the last step."""
        self._curves.add(self._run, TOTAL, [progress.step - 1], [progress.losses["loss"]])
        # Before the checkpoint, from which the curve may have to go on.
        self._curves.flush(now=True)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write the errors after an epoch."""
        for name, tag in PER_EPOCH.items():
            accuracy = (logs or {})[f"{name.removesuffix('_error')}_sparse_categorical_accuracy"]
            self._curves.add(self._run, tag, [epoch + 1], [1 - float(accuracy)])
        self._curves.flush(now=True)
