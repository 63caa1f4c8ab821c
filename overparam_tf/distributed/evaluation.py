"""Loss and metrics of validation sets between the epochs of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from overparam_tf.distributed.feed import Feed
from overparam_tf.distributed.records import mean_loss
from overparam_tf.distributed.steps import Steps


class Evaluation:
    """Evaluates a model on sets of data.

    Args:
        model: The compiled model.
        steps: The steps, of which `evaluate` is taken.
        feeds: The sets by name.
        most: The most batches of a chunk.
    """

    def __init__(self, model: keras.Model, steps: Steps, feeds: Mapping[str, Feed], most: int):
        self._model, self._steps, self._feeds, self._most = model, steps, feeds, most

    def logs(self, callbacks: keras.callbacks.CallbackList) -> dict[str, float]:
        """Return loss and metrics of each set, its name before each of their names."""
        logs: dict[str, float] = {}
        for name, feed in self._feeds.items():
            callbacks.on_test_begin()
            results = self._results(feed, callbacks)
            callbacks.on_test_end(results)
            logs |= {f"{name}_{key}": value for key, value in results.items()}
        return logs

    def _results(self, feed: Feed, callbacks: keras.callbacks.CallbackList) -> dict[str, float]:
        self._model.reset_metrics()
        feed.seek(0, 0)
        losses, rows = [np.zeros(0)], [np.zeros(0)]
        penalties = self._steps.weight_penalties()
        done = 0
        for chunk, _ in feed.epoch(0, self._most):
            callbacks.on_test_batch_begin(done)
            losses.append(self._steps.evaluate(chunk, penalties)[:, 0])
            rows.append(np.full(chunk.count, chunk.size))
            done += chunk.count
            callbacks.on_test_batch_end(done - 1, {"loss": float(losses[-1][-1])})
        loss = mean_loss(np.concatenate(losses), np.concatenate(rows))
        return results_of(self._model, loss, getattr(self._steps.evaluate, "logs", {}))


def results_of(model: keras.Model, loss: float, logs: Mapping[str, Any]) -> dict[str, float]:
    """Return the loss of an epoch and the metrics by name.

    Args:
        model: The compiled model.
        loss: The mean of the losses of the epoch's batches, weighted by their rows.
        logs: What the model's own step returned last; it counts unless its names are those of the
            metrics.
    """
    results = model.get_metrics_result()
    if logs and set(logs) != set(results):
        results = dict(logs)
    elif not logs and type(model).metrics is keras.Model.metrics:
        results["loss"] = loss  # Keras's own tracker is left out of the loop: it costs time
    return {
        name: float(np.mean(keras.ops.convert_to_numpy(value))) for name, value in results.items()
    }
