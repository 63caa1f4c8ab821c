"""Global batches in order, and the share of each that one replica computes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.checks import positive_int
from overparam_tf.errors import InputError

FORMS = "(x, y) or (x, y, sample_weight) as arrays with batch_size=..., or a tf.data.Dataset of batches of such tuples"


@dataclass(frozen=True)
class Chunk:
    """Consecutive global batches of one size, for one call of the compiled loop.

    Attributes:
        arrays: (x, y) or (x, y, sample_weight), nested tensors with the rows of many batches.
        first: Row at which the first batch starts.
        size: Rows of each batch.
        count: Number of batches.
    """

    arrays: tuple
    first: int
    size: int
    count: int


class ArrayBatches:
    """Batches of arrays: the whole arrays are on the device, and a batch is a slice within the compiled loop.

    Measured against tf.data this saves a copy and a queue a step, which matters where a step takes milliseconds.
    """

    def __init__(self, arrays: tuple, batch_size: int | None, device: str):
        self.size = positive_int("batch_size", batch_size)
        lengths = {len(array) for array in tf.nest.flatten(arrays)}
        if len(lengths) != 1 or 0 in lengths:
            raise InputError(
                f"Expected arrays with the same number of rows, at least one. Received: {sorted(lengths)}"
            )
        self.rows = lengths.pop()
        with tf.device(device):
            self.arrays = tf.nest.map_structure(_to_tensor, arrays)

    def __len__(self) -> int:
        return -(-self.rows // self.size)

    def chunks(self, most: int, skip: int = 0) -> Iterator[Chunk]:
        """Yield the batches after the first `skip`, up to `most` at a time."""
        full, rest = divmod(self.rows, self.size)
        for batch in range(skip, full, most):
            yield Chunk(self.arrays, batch * self.size, self.size, min(most, full - batch))
        if rest and skip <= full:
            yield Chunk(self.arrays, full * self.size, rest, 1)


class DatasetBatches:
    """Batches of a finite `tf.data.Dataset` in its own order; those of one call are joined into arrays first."""

    def __init__(self, dataset: tf.data.Dataset, device: str):
        self.dataset, self.device = dataset, device
        self.count = int(dataset.cardinality())
        if self.count < 1:
            raise InputError(
                "Expected a finite dataset of known length: end it with dataset.apply("
                f"tf.data.experimental.assert_cardinality(batches)). Received: cardinality {self.count}"
            )

    def __len__(self) -> int:
        return self.count

    def chunks(self, most: int, skip: int = 0) -> Iterator[Chunk]:
        """Yield the batches after the first `skip`, up to `most` at a time."""
        waiting: list[tuple] = []
        for element in self.dataset.skip(skip).prefetch(most):
            batch = _checked(element)
            if waiting and (len(waiting) == most or _rows(waiting[0]) != _rows(batch)):
                yield self._joined(waiting)
                waiting = []
            waiting.append(batch)
        yield self._joined(waiting)

    def _joined(self, batches: list[tuple]) -> Chunk:
        with tf.device(self.device):
            arrays = tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), *batches)
        return Chunk(arrays, 0, _rows(batches[0]), len(batches))


def make_batches(
    dataset: Any, batch_size: int | None, device: str
) -> ArrayBatches | DatasetBatches:
    """Return the batches of what a user passed as a data set.

    Args:
        dataset: See `FORMS`.
        batch_size: Rows of a global batch, for arrays only.
        device: Where the rows wait to be sliced.

    Raises:
        InputError: If `dataset` is neither, or `batch_size` does not go with it.
    """
    if isinstance(dataset, tf.data.Dataset):
        if batch_size is not None:
            raise InputError(
                "Expected no batch_size beside a tf.data.Dataset, whose elements are the batches. "
                f"Received: batch_size={batch_size!r}"
            )
        return DatasetBatches(dataset, device)
    return ArrayBatches(_checked(dataset), batch_size, device)


def share(
    chunk_arrays: tuple, start: tf.Tensor, size: int, replica: int, replicas: int, device: str
):
    """Return one replica's contiguous rows of a global batch, and how large a part of it they are.

    Rows size r / R up to size (r + 1) / R go to replica r of R, so that all rows are taken once whatever their number.
    A replica without a row gets the batch's first row with fraction 0: every replica then runs the same operations.

    Args:
        chunk_arrays: As in `Chunk`.
        start: Row at which the global batch starts.
        size: Its rows.
        replica: r.
        replicas: R.
        device: Where `chunk_arrays` are; slicing anywhere else would move them there as a whole.

    Returns:
        The replica's (x, y) or (x, y, sample_weight), and rows / size.
    """
    begin, end = size * replica // replicas, size * (replica + 1) // replicas
    rows = end - begin
    if not rows:
        begin, end = 0, 1

    def rows_of(array):
        begins = tf.one_hot(0, array.shape.rank, start + begin, 0)
        return tf.slice(array, begins, (end - begin, *array.shape[1:]))

    with tf.device(device):
        return tf.nest.map_structure(rows_of, chunk_arrays), rows / size


def _checked(element: Any) -> tuple:
    if isinstance(element, (tuple, list)) and len(element) == 3 and element[2] is None:
        element = element[:2]
    if not isinstance(element, (tuple, list)) or len(element) not in (2, 3):
        raise InputError(f"Expected {FORMS}. Received: {type(element).__name__}")
    if any(
        isinstance(part, (tf.SparseTensor, tf.RaggedTensor)) for part in tf.nest.flatten(element)
    ):
        raise InputError(f"Expected dense arrays: {FORMS}. Received: a sparse or ragged tensor")
    return tuple(element)


def _rows(batch: tuple) -> int:
    return int(tf.nest.flatten(batch)[0].shape[0])


def _to_tensor(array: Any) -> tf.Tensor:
    array = np.asarray(array)
    # As `fit` does: floating-point arrays in Keras's precision, all others as they are.
    return tf.convert_to_tensor(
        array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array
    )
