"""The epochs of a training: calls of the compiled loop, and the work between them."""

from __future__ import annotations

import time
from collections.abc import Callable

import keras
import tensorflow as tf

from overparam_tf.distributed.evaluation import Evaluation, results_of
from overparam_tf.distributed.feed import Feed
from overparam_tf.distributed.records import Records
from overparam_tf.distributed.schedule import Schedule
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
        model: The compiled model.
        train: Takes the steps of a chunk and returns their losses: `Loop` or `OwnSteps`.
        feed: The training data.
        evaluation: Evaluates validation sets.
        schedule: The schedule.

    Attributes:
        records: Losses and logs.
        stopped: Whether the training was asked to stop.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        model: keras.Model,
        train: Callable,
        feed: Feed,
        evaluation: Evaluation,
        schedule: Schedule,
    ):
        self.model, self.feed, self.schedule = model, feed, schedule
        self.records = Records()
        self.stopped = False
        self._train, self._evaluation = train, evaluation
        self._workers = Workers(strategy)
        self._initial_epoch = schedule.initial_epoch

    @property
    def epoch(self) -> int:
        """Return the number of the epoch in progress."""
        return self._initial_epoch + len(self.records.epochs)

    def run(self) -> None:
        """Train until the last epoch, or until asked to stop."""
        self._restore()
        last = _LastLogs()
        called = keras.callbacks.CallbackList(
            [*self.schedule.callbacks, last],
            add_history=True,
            add_progbar=self.schedule.verbose != 0,
            model=self.model,
            epochs=self.schedule.epochs,
            steps=self.feed.length,
            verbose=self.schedule.verbose,
        )
        self.model.stop_training = False
        self._saved_at, self._began = time.monotonic(), time.monotonic()
        self._first = len(self.records.losses)
        called.on_train_begin()
        # BackupAndRestore sets it.
        self._initial_epoch = getattr(self.model, "_initial_epoch", None) or self._initial_epoch
        logs: dict[str, float] = {}
        while self.epoch < self.schedule.epochs and not self.stopped:
            epoch, began = self.epoch, time.monotonic() - self.records.seconds
            called.on_epoch_begin(epoch)
            if not self._epoch(began, called):
                break
            logs = self._results()
            if self.schedule.validates(epoch):
                logs |= self._evaluation.logs(called)
            called.on_epoch_end(epoch, logs)
            self.records.add_epoch({**last.logs, "seconds": time.monotonic() - began})
            (self.stopped,) = self._workers.any_vote(self.stopped or self.model.stop_training)
            self.model.reset_metrics()
            self._save()
        called.on_train_end(logs)

    def _epoch(self, began: float, called: keras.callbacks.CallbackList) -> bool:
        """Train the rest of an epoch that began at the time `began`.

        Returns:
            False if the training was asked to stop within the epoch.
        """
        for chunk, is_last in self.feed.epoch(self.records.batch, self.schedule.steps_per_call):
            called.on_train_batch_begin(self.records.batch)
            self.records.add_steps(self._train(chunk), chunk.size)
            self.records.seconds = time.monotonic() - began
            self.records.passed = (self.feed.number, self.feed.position)
            called.on_train_batch_end(self.records.batch - 1, self._batch_logs())
            if self.schedule.progress is not None:
                self.schedule.progress(self._progress())
            is_due = time.monotonic() - self._saved_at >= self.schedule.checkpoint_seconds
            self.stopped, is_due = self._workers.any_vote(
                self._asked_to_stop(), is_due and self._workers.is_chief
            )
            if not is_last:  # an epoch's end is saved with its logs
                if is_due or self.stopped:
                    self._save()
                if self.stopped:
                    return False
        return True

    def _progress(self) -> Progress:
        done, seconds = len(self.records.losses), time.monotonic() - self._began
        epochs = self.schedule.epochs - self._initial_epoch
        steps = done if self.feed.length is None else epochs * self.feed.length
        losses = {"loss": float(self.records.losses[-1, 0])}
        return Progress(done, steps, seconds, losses, done - self._first)

    def _asked_to_stop(self) -> bool:
        if self.model.stop_training:
            return True
        return self.schedule.should_stop is not None and bool(self.schedule.should_stop())

    def _results(self) -> dict[str, float]:
        """Return loss and metrics of the epoch so far."""
        logs = getattr(self._train, "logs", {})
        return results_of(self.model, self.records.mean_loss(), logs)

    def _batch_logs(self) -> dict[str, float]:
        """Return the logs of a call: all of an epoch's, if they are asked for.

        Several workers would have to sum their metrics together, but may differ in callbacks.
        """
        if (self.schedule.callbacks or self.schedule.verbose) and not self._workers.has_others:
            return self._results()
        return {"loss": self.records.mean_loss()}

    def _save(self) -> None:
        if self.schedule.checkpoints is None:
            return
        # On every worker: metrics are summed over them.
        arrays = State(self.model, self.records).arrays()
        if self._workers.is_chief:
            self.schedule.checkpoints.save(len(self.records.losses), arrays)
        self._saved_at = time.monotonic()

    def _restore(self) -> None:
        checkpoints = self.schedule.checkpoints
        newest = checkpoints.newest() if checkpoints is not None else None
        if newest is not None:
            State(self.model, self.records).restore(newest.arrays)
            self.feed.seek(*self.records.passed)
        else:
            self.model.reset_metrics()


class _LastLogs(keras.callbacks.Callback):
    """The logs of an epoch, as the callbacks before it have left them."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep the logs."""
        self.logs = logs or {}
