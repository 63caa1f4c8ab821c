"""Data sets as passes over global batches: arrays on the device, or a `tf.data.Dataset`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from overparam_tf.distributed.array_rows import row_count
from overparam_tf.distributed.batches import Chunk, map_arrays

Most = Callable[[], int]


class Source(Protocol):
    """Data that can be passed over.

    Attributes:
        count: Number of batches of a pass, None if it is unknown or endless.
        example: One batch as nested `tf.TensorSpec`, its number of rows possibly None.
    """

    count: int | None
    example: Any

    def chunks(self, number: int, skip: int, most: Most) -> Iterator[tuple[Chunk, bool]]:
        """Yield the batches of a pass in chunks, and of each chunk whether it is the last.

        Args:
            number: How many passes were begun before this one.
            skip: How many batches to leave out at its beginning.
            most: Returns the most batches of the next chunk.
        """


class ArrayBatches:
    """Batches of arrays that are on the device as a whole.

    A batch is a slice within the compiled loop. Unlike tf.data this needs no copy and no queue a
    step, which matters if a step takes milliseconds.

    Args:
        arrays: Nested tensors with the same number of rows.
        size: Rows of a batch.
        order: Returns the rows' numbers in the order of pass `number`; None for their own order.
        device: The device.
    """

    def __init__(
        self, arrays: Any, size: int, order: Callable[[int], np.ndarray] | None, device: str
    ):
        first, *_ = [part for part in tf.nest.flatten(arrays) if part is not None]
        self.rows, self.size = int(first.shape[0]), size
        self.count: int | None = -(-self.rows // size)
        self.order, self._device = order, device
        with tf.device(device):
            self.arrays = map_arrays(tf.identity, arrays)
        self.example = map_arrays(_spec, self.arrays)

    def chunks(self, number: int, skip: int, most: Most) -> Iterator[tuple[Chunk, bool]]:
        """Yield the batches of a pass; see `Source`."""
        full, rest = divmod(self.rows, self.size)
        order = None if self.order is None else self.order(number)
        batch = skip
        while batch < full:
            count = min(most(), full - batch)
            first, batch = batch * self.size, batch + count
            yield self._chunk(order, first, self.size, count), batch == self.count
        if rest and batch == full:
            yield self._chunk(order, full * self.size, rest, 1), True

    def _chunk(self, order: np.ndarray | None, first: int, size: int, count: int) -> Chunk:
        if order is None:
            return Chunk(self.arrays, first, size, count)
        with tf.device(self._device):
            rows = tf.constant(order[first : first + size * count])
            return Chunk(map_arrays(lambda a: tf.gather(a, rows), self.arrays), 0, size, count)


class DatasetBatches:
    """Batches of a `tf.data.Dataset` in its own order; those of one call are joined first.

    Args:
        name: The argument's name, for messages.
        make: Returns the dataset of a pass after its first batches, `make(number, skip)`.
        example: See `Source`.
        count: See `Source`.
        device: Device of the joined arrays.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[int, int], tf.data.Dataset],
        example: Any,
        count: int | None,
        device: str,
    ):
        self.name, self.count, self.example = name, count, example
        self._make, self._device = make, device

    def chunks(self, number: int, skip: int, most: Most) -> Iterator[tuple[Chunk, bool]]:
        """Yield the batches of a pass; see `Source`."""
        elements = iter(self._make(number, skip))
        following = next(elements, None)
        while following is not None:
            batches, wanted = [following], most()
            following = next(elements, None)
            while len(batches) < wanted and following is not None:
                if not _alike(following, batches[0]):
                    break
                batches.append(following)
                following = next(elements, None)
            yield self._joined(batches), following is None

    def _joined(self, batches: list) -> Chunk:
        first, *_ = batches
        with tf.device(self._device):
            arrays = map_arrays(lambda *parts: tf.concat(parts, 0), *batches)
        rows = row_count(self.name, first, "batches whose arrays have")
        return Chunk(arrays, 0, rows, len(batches))


def _alike(one: Any, other: Any) -> bool:
    """Return whether two batches have arrays of the same shapes."""
    pairs = zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True)
    return all(a is None or a.shape == b.shape for a, b in pairs)


def _spec(array: tf.Tensor) -> tf.TensorSpec:
    return tf.TensorSpec((None, *array.shape[1:]), array.dtype)
