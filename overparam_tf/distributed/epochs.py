"""The epochs of a training: calls of the compiled loop, and the work between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.checkpoints import Checkpoints
from overparam_tf.distributed.batches import Batches
from overparam_tf.distributed.loop import Loop
from overparam_tf.distributed.records import Records, mean_loss
from overparam_tf.distributed.replica import Replica
from overparam_tf.distributed.state import State
from overparam_tf.distributed.workers import Workers
from overparam_tf.progress import Progress


class Epochs:
    """Training epoch by epoch, from the newest checkpoint if there is one.

    Between two calls of the compiled loop it reports progress, saves if a checkpoint is due, and
    stops if asked to. Workers decide about both together: one that stopped or saved alone would
    leave the others waiting.

    Args:
        strategy: The strategy, whose scope the caller has entered.
        replica: The steps.
        batches: Batches of the training set.
        validation: Batches of validation sets, by name.
        steps_per_call: The most steps of a call.
        jit_compile: Compile the whole loop by XLA; on one replica only.
        should_stop: Called between calls; None to never stop early.

    Attributes:
        records: Losses and logs.
        stopped: Whether the training was asked to stop.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        replica: Replica,
        batches: Batches,
        validation: Mapping[str, Batches],
        steps_per_call: int,
        jit_compile: bool,
        should_stop: Callable[[], object] | None,
    ):
        self.model, self.metrics = replica.model, replica.metrics
        self.batches, self.validation = batches, validation
        self.steps_per_call = steps_per_call
        self.records = Records()
        self.stopped = False
        self._should_stop = should_stop
        self._train = Loop(strategy, replica.train, steps_per_call, jit_compile)
        self._evaluate = Loop(strategy, replica.evaluate, steps_per_call, jit_compile)
        self._state = State(replica.model, replica.optimizer, replica.metrics, self.records)
        self._workers = Workers(strategy)

    def run(
        self,
        epochs: int,
        callbacks: Sequence[keras.callbacks.Callback],
        checkpoints: Checkpoints | None,
        checkpoint_seconds: float,
        progress: Callable[[Progress], object] | None,
    ) -> None:
        """Train until there are `epochs` epochs, or until asked to stop; see `train`."""
        self._restore(checkpoints)
        last = _LastLogs()
        called = keras.callbacks.CallbackList(
            [*callbacks, last], model=self.model, epochs=epochs, steps=len(self.batches), verbose=0
        )
        self.model.stop_training = False
        self._saved_at, self._began = time.monotonic(), time.monotonic()
        self._first = len(self.records.losses)
        self._seconds_between = checkpoint_seconds
        called.on_train_begin()
        logs: dict[str, float] = {}
        while len(self.records.epochs) < epochs and not self.stopped:
            epoch, began = len(self.records.epochs), time.monotonic() - self.records.seconds
            called.on_epoch_begin(epoch)
            self._epoch(began, epochs, called, checkpoints, progress)
            if self.records.batch < len(self.batches):
                break
            logs = self._logs()
            called.on_epoch_end(epoch, logs)
            self.records.add_epoch({**last.logs, "seconds": time.monotonic() - began})
            for metric in self.metrics:
                metric.reset_state()
            (self.stopped,) = self._workers.any_vote(self.stopped or self.model.stop_training)
            self._save(checkpoints)
        called.on_train_end(logs)

    def _epoch(
        self,
        began: float,
        epochs: int,
        called: keras.callbacks.CallbackList,
        checkpoints: Checkpoints | None,
        progress: Callable[[Progress], object] | None,
    ) -> None:
        """Train the rest of an epoch that began at the time `began`, or until asked to stop."""
        for chunk in self.batches.chunks(self.steps_per_call, skip=self.records.batch):
            called.on_train_batch_begin(self.records.batch)
            self.records.add_steps(self._train(chunk), chunk.size)
            self.records.seconds = time.monotonic() - began
            called.on_train_batch_end(self.records.batch - 1, {"loss": self.records.mean_loss()})
            if progress is not None:
                progress(self._progress(epochs * len(self.batches)))
            is_due = time.monotonic() - self._saved_at >= self._seconds_between
            self.stopped, is_due = self._workers.any_vote(
                self._asked_to_stop(), is_due and self._workers.is_chief
            )
            if self.records.batch < len(self.batches):  # an epoch's end is saved with its logs
                if is_due or self.stopped:
                    self._save(checkpoints)
                if self.stopped:
                    return

    def _progress(self, steps: int) -> Progress:
        done, seconds = len(self.records.losses), time.monotonic() - self._began
        losses = {"loss": float(self.records.losses[-1, 0])}
        return Progress(done, steps, seconds, losses, done - self._first)

    def _asked_to_stop(self) -> bool:
        if self.model.stop_training:
            return True
        return self._should_stop is not None and bool(self._should_stop())

    def _logs(self) -> dict[str, float]:
        """Return loss and metrics of the epoch, and those of each validation set."""
        logs = {"loss": self.records.mean_loss(), **self._results()}
        for prefix, batches in self.validation.items():
            for metric in self.metrics:
                metric.reset_state()
            losses, rows = [], []
            for chunk in batches.chunks(self.steps_per_call):
                losses += [self._evaluate(chunk)[:, 0]]
                rows += [np.full(chunk.count, chunk.size)]
            logs[f"{prefix}_loss"] = mean_loss(np.concatenate(losses), np.concatenate(rows))
            logs |= {f"{prefix}_{name}": value for name, value in self._results().items()}
        return logs

    def _results(self) -> dict[str, float]:
        """Return the metrics by name."""
        results = {}
        for metric in self.metrics:
            result = metric.result()
            results.update(result if isinstance(result, dict) else {metric.name: result})
        return {
            name: float(np.mean(keras.ops.convert_to_numpy(value)))
            for name, value in results.items()
        }

    def _save(self, checkpoints: Checkpoints | None) -> None:
        if checkpoints is None:
            return
        arrays = self._state.arrays()  # on every worker: metrics are summed over them
        if self._workers.is_chief:
            checkpoints.save(len(self.records.losses), arrays)
        self._saved_at = time.monotonic()

    def _restore(self, checkpoints: Checkpoints | None) -> None:
        newest = checkpoints.newest() if checkpoints is not None else None
        if newest is not None:
            self._state.restore(newest.arrays)
        else:
            for metric in self.metrics:
                metric.reset_state()


class _LastLogs(keras.callbacks.Callback):
    """The logs of an epoch, as the callbacks before it have left them."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep the logs."""
        self.logs = logs or {}
