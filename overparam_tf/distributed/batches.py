"""Global batches in order, and the share of each on which one replica computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class Chunk:
    """Consecutive global batches of one size, for one call of the compiled loop.

    Attributes:
        arrays: x, (x, y) or (x, y, sample_weight), nested tensors with the rows of many batches.
        first: Row at which the first batch starts.
        size: Rows of each batch.
        count: Number of batches.
    """

    arrays: Any
    first: int
    size: int
    count: int


@dataclass(frozen=True)
class Share:
    """One replica's contiguous rows of a global batch of n rows.

    Rows n r / R up to n (r + 1) / R go to replica r of R, so that every row is taken once, whatever
    their number. A replica without a row computes on the batch's first row with fraction 0, so that
    every replica runs the same operations.

    Attributes:
        begin: The first row.
        rows: Number of rows; at least 1.
        fraction: The share of the batch, from 0 to 1.

    Example:
        >>> [Share.of(5, replica, 2) for replica in range(2)]
        [Share(begin=0, rows=2, fraction=0.4), Share(begin=2, rows=3, fraction=0.6)]
    """

    begin: int
    rows: int
    fraction: float = 1.0

    @classmethod
    def of(cls, size: int, replica: int, replicas: int) -> Share:
        """Return the share of replica number `replica` of a batch of `size` rows."""
        begin, end = size * replica // replicas, size * (replica + 1) // replicas
        return cls(begin, end - begin, (end - begin) / size) if end > begin else cls(0, 1, 0.0)


def rows_of(arrays: Any, start: tf.Tensor, share: Share, device: str) -> Any:
    """Return a share of the global batch that starts at row `start`.

    Args:
        arrays: As in `Chunk`.
        start: Row at which the global batch starts.
        share: The rows within it.
        device: Device of `arrays`; a slice on another one would move them there as a whole.
    """

    def slice_of(array: tf.Tensor) -> tf.Tensor:
        begins = tf.one_hot(0, array.shape.rank, start + share.begin, 0)
        return tf.slice(array, begins, (share.rows, *array.shape[1:]))

    with tf.device(device):
        return map_arrays(slice_of, arrays)


def map_arrays(function: Callable, arrays: Any, *others: Any) -> Any:
    """Return nested arrays with a function applied to each; an entry that is None stays None."""
    return tf.nest.map_structure(
        lambda array, *more: None if array is None else function(array, *more), arrays, *others
    )
