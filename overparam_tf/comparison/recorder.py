"""The losses of a call of `fit`, apart from the penalties that Keras adds to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from overparam_tf.errors import InputError

DATA_LOSS = "overparam_tf_data_loss"


class FunctionLoss(keras.losses.Loss):
    """A loss that is a function of labels and predictions, averaged as `compile` does.

    Args:
        function: Returns the loss of each row.
    """

    def __init__(self, function: Callable[[Any, Any], Any]):
        super().__init__()
        self._function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row."""
        return self._function(y_true, y_pred)


class DataLoss(keras.metrics.Metric):
    """The loss without the penalties that Keras adds to it.

    Args:
        loss: The loss as `compile` takes it, a single one.
    """

    def __init__(self, loss: Any):
        super().__init__(name=DATA_LOSS)
        found = keras.losses.get(loss)
        self._loss = found if isinstance(found, keras.losses.Loss) else FunctionLoss(found)
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")
        self.count = self.add_weight(shape=(), initializer="zeros", name="count")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add the loss of a batch."""
        value = self._loss(y_true, y_pred, sample_weight=sample_weight)
        self.total.assign_add(ops.cast(value, self.total.dtype))
        self.count.assign_add(1.0)

    def result(self) -> Any:
        """Return the mean over the batches."""
        return self.total / ops.maximum(self.count, 1.0)


class Recorder(keras.callbacks.Callback):
    """The losses of a call of `fit`, a point for each execution.

    On TensorFlow an execution is several steps, over which the metrics average; on other backends
    a call of `fit` is one point.
    """

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []
        self.penalties: list[float] = []
        self._is_grouped = keras.backend.backend() == "tensorflow"

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Let the metrics begin again."""
        if self._is_grouped:
            self.model.reset_metrics()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note a point."""
        if self._is_grouped:
            self._note(logs or {})

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note the point that the call is."""
        if not self._is_grouped:
            self._note(logs or {})

    def _note(self, logs: Mapping[str, Any]) -> None:
        if "loss" not in logs:
            raise InputError(
                "Expected a model whose train_step returns its loss under 'loss'. "
                f"Received: {sorted(logs)}"
            )
        total = float(logs["loss"])
        loss = float(logs.get(DATA_LOSS, total))
        self.losses.append(loss)
        self.penalties.append(total - loss)
        if not np.isfinite(total):
            self.model.stop_training = True
