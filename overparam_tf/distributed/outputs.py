"""What a model's call returns, for the rows of one replica and of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

# Masks have no public name.
from keras.src.backend import get_keras_mask, set_keras_mask

from overparam_tf.distributed.batches import Share
from overparam_tf.errors import InputError


@dataclass(frozen=True)
class Outputs:
    """What a model's call returns for some rows.

    Attributes:
        y_pred: The outputs, nested.
        masks: The mask of each output or None, in the order of `tf.nest.flatten`.
        penalties: `model.losses`, one number each.
    """

    y_pred: Any
    masks: list[tf.Tensor | None]
    penalties: list[tf.Tensor]


def outputs_of(y_pred: Any, penalties: Sequence[tf.Tensor]) -> Outputs:
    """Return a call's outputs with their masks, and its losses as numbers of Keras's precision."""
    floatx = keras.backend.floatx()
    return Outputs(
        y_pred,
        [get_keras_mask(output) for output in tf.nest.flatten(y_pred)],
        [tf.cast(tf.reduce_sum(penalty), floatx) for penalty in penalties],
    )


def without_row_count(y_pred: Any) -> Any:
    """Return several outputs with a number of rows that is unknown to Keras, as in `fit`.

    Keras averages the losses of single outputs over the rows of an epoch if it knows the rows of a
    batch, and over batches otherwise.
    """
    if not tf.nest.is_nested(y_pred):
        return y_pred

    def hide(output: tf.Tensor) -> tf.Tensor:
        hidden = tf.raw_ops.PlaceholderWithDefault(input=output, shape=(None, *output.shape[1:]))
        set_keras_mask(hidden, get_keras_mask(output))
        return hidden

    return tf.nest.map_structure(lambda a: hide(a) if a.shape.rank else a, y_pred)


def all_outputs(
    context: tf.distribute.ReplicaContext, here: Outputs, size: int, replicas: int
) -> Outputs:
    """Return the outputs for all rows of a global batch: one sum over replicas.

    Each adds its rows, and zeros for those of the others.

    Args:
        context: That of this replica.
        here: The outputs for its own rows, with a row for each.
        size: Rows of the global batch.
        replicas: Number of replicas.

    Raises:
        InputError: If an output has not as many rows as the replica.
    """
    share = Share.of(size, replica_id(), replicas)

    def placed(output: tf.Tensor) -> tf.Tensor:
        if output.shape.rank == 0 or output.shape[0] not in (None, share.rows):
            raise InputError(
                "Expected outputs with a row for each row of the batch, to train on several "
                f"replicas. Received: an output of shape {output.shape} for {share.rows} rows"
            )
        values = tf.cast(output, tf.float32) if output.dtype == tf.bool else output
        values = tf.ensure_shape(values, (share.rows, *output.shape[1:]))
        if not share.fraction:
            values = tf.zeros_like(values)
        others = [[share.begin, size - share.begin - share.rows]]
        return tf.pad(values, others + [[0, 0]] * (output.shape.rank - 1))

    flat = tf.nest.flatten(here.y_pred)
    masks = [mask for mask in here.masks if mask is not None]
    penalties = [share.fraction * penalty for penalty in here.penalties]
    terms = [*map(placed, flat), *map(placed, masks), *penalties]
    sums = iter(_summed(context, terms))
    y_pred = [tf.cast(next(sums), output.dtype) for output in flat]
    all_masks = [None if mask is None else tf.cast(next(sums), mask.dtype) for mask in here.masks]
    return Outputs(tf.nest.pack_sequence_as(here.y_pred, y_pred), all_masks, list(sums))


def _summed(context: tf.distribute.ReplicaContext, terms: list[tf.Tensor]) -> list[tf.Tensor]:
    """Return the sums over replicas; TensorFlow sums integers and others apart."""
    sums: dict[int, tf.Tensor] = {}
    for dtype in dict.fromkeys(term.dtype for term in terms):
        places = [place for place, term in enumerate(terms) if term.dtype == dtype]
        alike = context.all_reduce("SUM", [terms[place] for place in places])
        sums |= dict(zip(places, alike, strict=True))
    return [sums[place] for place in range(len(terms))]


def replica_id() -> int:
    """Return the number of the replica that traces a step."""
    return int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))
