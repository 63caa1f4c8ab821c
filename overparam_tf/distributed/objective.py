"""Loss and metrics of one replica's rows, such that the replicas' sum is that of one device."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from overparam_tf.checks import has_duplicates, list_of, one_of
from overparam_tf.errors import InputError, input_error

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum")


class Objective:
    """A Keras loss whose terms add up over replicas.

    Every reduction but `"sum"` is a mean. With n rows in the global batch, n_r of them here and L_r
    their loss, the term is (n_r / n) L_r; for `"mean_with_sample_weight"` the sums of the weights
    take the place of n_r and n. Masked outputs are averaged over each replica's unmasked entries,
    as Keras does.

    Args:
        loss: A Keras loss, its name, or a function (y, y_pred) that returns one value a row.
        replicas: Number of replicas.

    Raises:
        InputError: If `loss` is none of these, or its reduction is `"none"`.
    """

    def __init__(self, loss: Any, replicas: int):
        self.loss = _keras_loss(loss)
        one_of("reduction", self.loss.reduction, REDUCTIONS)
        self.replicas = replicas

    def __call__(
        self, rows: tuple, fraction: float, y_pred: Any, all_weights: tf.Tensor | None
    ) -> tf.Tensor:
        """Return this replica's term.

        Args:
            rows: Its (x, y) or (x, y, sample_weight).
            fraction: n_r / n.
            y_pred: The model's outputs for x.
            all_weights: The weights of the whole global batch, or None.
        """
        _, y, *weights_or_none = rows
        weights = weights_or_none[0] if weights_or_none else None
        value = self.loss(y, y_pred, weights)
        if self.loss.reduction == "sum":
            return value if fraction else 0 * value
        if self.replicas == 1:
            return value
        # Within a strategy Keras divides a mean by the number of replicas.
        value *= self.replicas
        if self.loss.reduction == "mean_with_sample_weight" and weights is not None:
            here, everywhere = (
                tf.cast(tf.reduce_sum(w), value.dtype) for w in (weights, all_weights)
            )
            return value * tf.math.divide_no_nan(here, everywhere) if fraction else 0 * value
        return value * tf.cast(fraction, value.dtype)


def _keras_loss(loss: Any) -> keras.losses.Loss:
    """Return the Keras loss of a name, a function or an instance."""
    try:
        known = keras.losses.get(loss)
    except (AttributeError, KeyError, TypeError, ValueError):
        known = None
    if isinstance(known, keras.losses.Loss):
        return known
    if not callable(known):
        raise input_error("a Keras loss, its name, or a function (y, y_pred) for loss", loss=loss)
    return _FunctionLoss(known)


class _FunctionLoss(keras.losses.Loss):
    """A function of values per row as a Keras loss."""

    def __init__(self, function: Callable):
        super().__init__(name="loss")
        self.call = function


def make_metrics(metrics: Sequence, strategy: tf.distribute.Strategy) -> list[keras.metrics.Metric]:
    """Return Keras metrics, those given by name made under the strategy.

    Args:
        metrics: Keras metrics or names. As in `fit`, `"accuracy"` is the binary, sparse or
            categorical one that fits the shapes.
        strategy: Strategy under whose scope metrics must have been made.

    Raises:
        InputError: If an entry is no metric, or two have the same name.
    """
    with strategy.scope():
        made = list_of("metrics", metrics, _metric)
    names = [metric.name for metric in made]
    if has_duplicates(names):
        raise InputError(f"Expected metrics with different names. Received: {names}")
    return made


def takes_training(model: keras.Model) -> bool:
    """Return whether the model's `call` distinguishes training from inference."""
    parameters = inspect.signature(model.call).parameters.values()
    return any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in parameters)


def _metric(name: str, value: Any) -> keras.metrics.Metric:
    """Return the Keras metric of a name or an instance."""
    if isinstance(value, keras.metrics.Metric):
        return value
    if not isinstance(value, str):
        raise input_error(f"a Keras metric or its name for each of {name}", **{name: value})
    if value in ("accuracy", "acc"):
        return keras.metrics.MeanMetricWrapper(_accuracy, name=value)
    try:
        known = keras.metrics.get(value)
    except ValueError:
        raise input_error(
            f"a Keras metric or its name for each of {name}", **{name: value}
        ) from None
    if isinstance(known, keras.metrics.Metric):
        return known
    return keras.metrics.MeanMetricWrapper(known, name=value)


def _accuracy(y: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    if y_pred.shape[-1] == 1:
        return keras.metrics.binary_accuracy(y, y_pred)
    if y.shape.rank < y_pred.shape.rank or y.shape[-1] == 1:
        return keras.metrics.sparse_categorical_accuracy(y, y_pred)
    return keras.metrics.categorical_accuracy(y, y_pred)
