"""The steps of a training on one device: those of `fit`, whose parts they call."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import keras
import tensorflow as tf

from overparam_tf.distributed.batches import Share, rows_of
from overparam_tf.distributed.objective import Objective
from overparam_tf.distributed.outputs import without_row_count
from overparam_tf.distributed.weight_penalties import losses_of


class OneReplica:
    r"""The steps on whole batches.

    The objective of a batch of n rows is

    $$L = \frac{1}{n} \sum_{i=1}^{n} \ell_i + P,$$

    P the sum of the model's own losses (regularizers, `add_loss`), or what the model's own
    `compute_loss` returns. The model, its metrics and its optimizer change as in a step of `fit`.

    Args:
        model: A built and compiled Keras model with a built optimizer.
        device: Device of the rows.
    """

    def __init__(self, model: keras.Model, device: str):
        self.model, self.device = model, device
        self.objective = Objective(model)
        self._takes_training = takes_training(model)

    def train(self, arrays: tuple, start: tf.Tensor, size: int) -> tf.Tensor:
        """Take one step on a batch.

        Args:
            arrays: The rows of many batches, as in `Chunk`.
            start: Row at which the batch starts.
            size: Its rows.

        Returns:
            Total, data loss and penalty before the update, shape (3,).
        """
        optimizer = self.model.optimizer
        parameters = [variable.value for variable in self.model.trainable_variables]
        with tf.GradientTape() as tape:
            losses = self._losses(arrays, start, size, training=True)
            total, _, _ = tf.unstack(losses)
            scaled = optimizer.scale_loss(total)
        optimizer.apply(tape.gradient(scaled, parameters), self.model.trainable_variables)
        return losses

    def evaluate(
        self, arrays: tuple, start: tf.Tensor, size: int, known: Sequence[tf.Tensor] = ()
    ) -> tf.Tensor:
        """Return the losses of `train` at inference, and update nothing but the metrics.

        Args:
            arrays: As in `train`.
            start: As in `train`.
            size: As in `train`.
            known: The penalties on the weights, as in `losses_of`; default none.
        """
        return self._losses(arrays, start, size, training=False, known=known)

    def _losses(
        self,
        arrays: tuple,
        start: tf.Tensor,
        size: int,
        training: bool,
        known: Sequence[tf.Tensor] = (),
    ) -> tf.Tensor:
        """Return the three losses, after the metrics have been updated."""
        rows = rows_of(arrays, start, Share(0, size), self.device)
        x, y, weights = keras.utils.unpack_x_y_sample_weight(rows)
        mode = {"training": training} if self._takes_training else {}
        y_pred = without_row_count(self.model(x, **mode))
        losses = self.objective((x, y, weights), y_pred, losses_of(self.model, known), training)
        self.model.compute_metrics(x, y, y_pred, sample_weight=weights)
        return losses


def takes_training(model: keras.Model) -> bool:
    """Return whether the model's `call` distinguishes training from inference."""
    parameters = inspect.signature(model.call).parameters.values()
    return any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in parameters)
