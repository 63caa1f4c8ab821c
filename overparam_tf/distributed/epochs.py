"""The epochs of a training: calls of the compiled loop, and what happens between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.checkpoints.checkpoints import Checkpoints
from overparam_tf.distributed.agreement import any_worker
from overparam_tf.distributed.batches import ArrayBatches, DatasetBatches
from overparam_tf.distributed.loop import Loop
from overparam_tf.distributed.records import Records, mean_loss
from overparam_tf.distributed.replica import Replica
from overparam_tf.distributed.state import State
from overparam_tf.distributed.strategies import is_chief, worker_count
from overparam_tf.progress import Progress

Batches = ArrayBatches | DatasetBatches


class Epochs:
    """Trains epoch by epoch, from the newest checkpoint where there is one.

    Between two calls of the compiled loop it reports, saves if it is time to, and stops if asked to. Workers agree on
    both: one that stopped or saved alone would leave the others waiting.

    Args:
        strategy: Under whose scope all this is.
        replica: The steps.
        batches: Of training.
        validation: Of validation, by name.
        steps_per_call: The most steps of a call.
        jit_compile: Compile the whole loop by XLA, on one replica.
        should_stop: Asked between calls.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        replica: Replica,
        batches: Batches,
        validation: Mapping[str, Batches],
        steps_per_call: int,
        jit_compile: bool,
        should_stop: Callable[[], bool] | None,
    ):
        self.strategy, self.model, self.metrics = strategy, replica.model, replica.metrics
        self.batches, self.validation = batches, validation
        self.steps_per_call = steps_per_call
        self.records = Records()
        self.stopped = False
        self._should_stop = should_stop
        self._train = Loop(strategy, replica.train, steps_per_call, jit_compile)
        self._evaluate = Loop(strategy, replica.evaluate, steps_per_call, jit_compile)
        self._state = State(replica.model, replica.optimizer, replica.metrics, self.records)
        self._alone = worker_count(strategy) == 1

    def run(
        self,
        epochs: int,
        callbacks: Sequence[keras.callbacks.Callback],
        checkpoints: Checkpoints | None,
        checkpoint_seconds: float,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        """Train until there are `epochs` epochs, or asked to stop."""
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
        logs = {}
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
            self.stopped, _ = self._agreed(self.stopped or self.model.stop_training, False)
            self._save(checkpoints)
        called.on_train_end(logs)

    def _epoch(self, began, epochs, called, checkpoints, progress) -> None:
        for chunk in self.batches.chunks(self.steps_per_call, skip=self.records.batch):
            called.on_train_batch_begin(self.records.batch)
            self.records.add_steps(self._train(chunk), chunk.size)
            self.records.seconds = time.monotonic() - began
            called.on_train_batch_end(self.records.batch - 1, {"loss": self.records.mean_loss()})
            if progress is not None:
                done, total = len(self.records.losses), epochs * len(self.batches)
                seconds, last = time.monotonic() - self._began, float(self.records.losses[-1, 0])
                progress(Progress(done, total, seconds, {"loss": last}, done - self._first))
            asked = self.model.stop_training or (
                self._should_stop is not None and self._should_stop()
            )
            due = time.monotonic() - self._saved_at >= self._seconds_between
            self.stopped, due = self._agreed(asked, due and is_chief(self.strategy))
            if self.records.batch < len(self.batches):  # else it is saved with its logs
                if due or self.stopped:
                    self._save(checkpoints)
                if self.stopped:
                    return

    def _logs(self) -> dict[str, float]:
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
        results = {}
        for metric in self.metrics:
            result = metric.result()
            results.update(result if isinstance(result, dict) else {metric.name: result})
        return {
            name: float(np.mean(keras.ops.convert_to_numpy(value)))
            for name, value in results.items()
        }

    def _agreed(self, stop: bool, due: bool) -> tuple[bool, bool]:
        """Whether any worker says so."""
        return (stop, due) if self._alone else any_worker(self.strategy, stop, due)

    def _save(self, checkpoints: Checkpoints | None) -> None:
        if checkpoints is None:
            return
        arrays = self._state.arrays()  # on every worker: metrics are summed over them
        if is_chief(self.strategy):
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
    """Keeps the logs of an epoch as the callbacks before it have left them."""

    def on_epoch_end(self, epoch, logs=None):
        self.logs = logs
