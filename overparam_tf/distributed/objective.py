"""The loss of a batch as `fit` computes it, in its two parts: data loss and penalty."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from overparam_tf.errors import InputError, input_error


class Objective:
    """Keras's own `compute_loss` of a compiled model, or that of the model's class.

    Args:
        model: A compiled Keras model.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self._is_own = has_own(model, "compute_loss")
        parameters = inspect.signature(model.compute_loss).parameters
        self._takes_training = "training" in parameters

    def __call__(
        self, batch: tuple, y_pred: Any, penalties: Sequence[tf.Tensor], training: bool
    ) -> tf.Tensor:
        """Return total, data loss and penalty of a batch, shape (3,).

        The data loss of a model with a `compute_loss` of its own is what is left of the total
        without the penalty.

        Args:
            batch: (x, y, sample_weight), the last two possibly None.
            y_pred: The model's outputs for x, with their masks.
            penalties: `model.losses` after the call that returned `y_pred`.
            training: Whether the model trains.

        Raises:
            InputError: If there is no loss, or a loss is no single number.
        """
        if self._is_own:
            total = self._compute_loss(batch, y_pred, penalties, training)
            penalty = _sum(penalties, total.dtype)
            return tf.stack([total, total - penalty, penalty])
        if self.model.loss is None and not penalties:
            raise input_error("a loss for `train` or for model.compile", loss=None)
        # Penalties are left out and added here: each is computed once, and the data loss is exact.
        nothing = [tf.zeros((), keras.backend.floatx())]
        data_loss = self._compute_loss(batch, y_pred, nothing, training)
        penalty = _sum(penalties, data_loss.dtype)
        return tf.stack([data_loss + penalty, data_loss, penalty])

    def _compute_loss(
        self, batch: tuple, y_pred: Any, penalties: Sequence[tf.Tensor], training: bool
    ) -> tf.Tensor:
        x, y, weights = batch
        mode = {"training": training} if self._takes_training else {}
        with _losses_of(self.model, penalties):
            loss = self.model.compute_loss(x, y, y_pred, weights, **mode)
        loss = tf.convert_to_tensor(loss)
        if loss.shape.rank != 0:
            raise InputError(
                "Expected a loss that is one number for a batch: another reduction, or a mean in "
                f"compute_loss. Received: a loss of shape {loss.shape}"
            )
        return loss


def has_own(model: keras.Model, method: str) -> bool:
    """Return whether a model's class, or the model itself, replaces a method of `keras.Model`."""
    return getattr(getattr(model, method), "__func__", None) is not getattr(keras.Model, method)


@contextlib.contextmanager
def _losses_of(model: keras.Model, penalties: Sequence[tf.Tensor]) -> Iterator[None]:
    """Let `model.losses` be `penalties` within a block.

    Keras's trainer for JAX sets the same attribute; no public name does it.
    """
    model._losses_override = list(penalties)
    try:
        yield
    finally:
        model._losses_override = []


def _sum(penalties: Sequence[tf.Tensor], dtype: tf.DType) -> tf.Tensor:
    terms = [tf.cast(tf.reduce_sum(penalty), dtype) for penalty in penalties]
    return tf.add_n(terms) if terms else tf.zeros((), dtype)
