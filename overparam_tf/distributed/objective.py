"""Loss and metrics of one replica's rows, so that the replicas' sum is what one device would get."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from overparam_tf.errors import InputError

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum")


class Objective:
    """A Keras loss whose terms add up over replicas.

    Every reduction but ``"sum"`` is a mean. With n rows in the global batch, n_r of them here and L_r their loss, the
    term is (n_r / n) L_r; for ``"mean_with_sample_weight"`` the weights' sums take the place of n_r and n. Masked
    outputs are averaged over each replica's unmasked entries, as Keras does.

    Args:
        loss: A Keras loss, a name of one, or a function (y, y_pred) of values per row.
        replicas: How many there are in all.

    Raises:
        InputError: If `loss` is none of these, or its reduction is ``"none"``.
    """

    def __init__(self, loss: Any, replicas: int):
        try:
            self.loss = keras.losses.get(loss)
        except ValueError:
            self.loss = None
        if not isinstance(self.loss, keras.losses.Loss):
            if not callable(self.loss):
                raise InputError(
                    f"Expected a Keras loss, its name, or a function (y, y_pred). Received: loss={loss!r}"
                )
            self.loss = _FunctionLoss(self.loss)
        if self.loss.reduction not in REDUCTIONS:
            raise InputError(
                f"Expected a loss with a reduction among {', '.join(REDUCTIONS)}. "
                f"Received: reduction={self.loss.reduction!r}"
            )
        self.replicas = replicas

    def __call__(
        self, rows: tuple, fraction: float, y_pred: Any, all_weights: tf.Tensor | None
    ) -> tf.Tensor:
        """Return this replica's term.

        Args:
            rows: Its (x, y) or (x, y, sample_weight).
            fraction: n_r / n.
            y_pred: What the model makes of x.
            all_weights: The weights of the whole global batch, or None.
        """
        weights = rows[2] if len(rows) == 3 else None
        value = self.loss(rows[1], y_pred, weights)
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


class _FunctionLoss(keras.losses.Loss):
    def __init__(self, function: Callable):
        super().__init__(name="loss")
        self.call = function


def make_metrics(metrics: Sequence, strategy: tf.distribute.Strategy) -> list[keras.metrics.Metric]:
    """Return Keras metrics, those given by name made under the strategy.

    Args:
        metrics: Keras metrics or names. As in `fit`, ``"accuracy"`` is the binary, sparse or categorical one that the
            shapes ask for.
        strategy: Under whose scope metrics must have been made.

    Raises:
        InputError: For an unknown name, or a name twice.
    """
    with strategy.scope():
        made = [_named(metric) if isinstance(metric, str) else metric for metric in metrics]
    for metric in made:
        if not isinstance(metric, keras.metrics.Metric):
            raise InputError(f"Expected Keras metrics or names of them. Received: {metric!r}")
    names = [metric.name for metric in made]
    if len(set(names)) != len(names):
        raise InputError(f"Expected metrics with different names. Received: {names}")
    return made


def takes_training(model: keras.Model) -> bool:
    """Return whether the model's `call` knows training from inference."""
    parameters = inspect.signature(model.call).parameters.values()
    return any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in parameters)


def _named(name: str) -> keras.metrics.Metric:
    if name in ("accuracy", "acc"):
        return keras.metrics.MeanMetricWrapper(_accuracy, name=name)
    try:
        metric = keras.metrics.get(name)
    except ValueError:
        raise InputError(f"Expected a Keras metric. Received: metrics=[..., {name!r}]") from None
    return (
        metric
        if isinstance(metric, keras.metrics.Metric)
        else keras.metrics.MeanMetricWrapper(metric, name=name)
    )


def _accuracy(y: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    if y_pred.shape[-1] == 1:
        return keras.metrics.binary_accuracy(y, y_pred)
    if y.shape.rank < y_pred.shape.rank or y.shape[-1] == 1:
        return keras.metrics.sparse_categorical_accuracy(y, y_pred)
    return keras.metrics.categorical_accuracy(y, y_pred)
