"""The penalties on a model's weights in an evaluation, in which no weight changes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

import keras
import tensorflow as tf


def weight_penalties(model: keras.Model) -> Callable[[], list[tf.Tensor]]:
    """Return a compiled function that returns the penalties on a model's weights as they are.

    `model.losses` are those of the last call (`add_loss`, activity regularizers), followed by the
    penalty on each trainable weight. Only the former depend on the batch. A model with a `losses`
    of its own is not known to be like that, and has no penalties here.

    Args:
        model: A built Keras model.
    """
    if getattr(type(model), "losses", None) is not keras.Model.losses or not _penalised(model):
        return list

    def compute() -> list[tf.Tensor]:
        return [tf.convert_to_tensor(weight.regularizer(weight)) for weight in _penalised(model)]

    return compute if model.run_eagerly else tf.function(compute, autograph=False)


def losses_of(model: keras.Model, known: Sequence[tf.Tensor] = ()) -> list[tf.Tensor]:
    """Return `model.losses` after a call, without computing the penalties on weights if known.

    Args:
        model: The model.
        known: What `weight_penalties` returned; default none, and all losses are computed.

    Example:
        >>> x = keras.Input((2,))
        >>> layer = keras.layers.Dense(
        ...     1,
        ...     kernel_initializer="ones",
        ...     kernel_regularizer="l2",
        ...     activity_regularizer=keras.regularizers.L1(1.0),
        ... )
        >>> model = keras.Model(x, layer(x))
        >>> _ = model(tf.ones((1, 2)))
        >>> [float(loss) for loss in losses_of(model, known=[tf.constant(7.0)])]
        [2.0, 7.0]
    """
    if not known:
        return list(model.losses)
    with _unpenalised(_penalised(model)):
        return [*model.losses, *known]


def _penalised(model: keras.Model) -> list[keras.Variable]:
    return [weight for weight in model.trainable_weights if weight.regularizer is not None]


@contextlib.contextmanager
def _unpenalised(weights: Sequence[keras.Variable]) -> Iterator[None]:
    """Let weights have no regularizer within a block."""
    regularizers = [weight.regularizer for weight in weights]
    try:
        for weight in weights:
            weight.regularizer = None
        yield
    finally:
        for weight, regularizer in zip(weights, regularizers, strict=True):
            weight.regularizer = regularizer
