"""Global batches in order, and the share of each on which one replica computes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.checks import positive_int
from overparam_tf.errors import InputError, input_error

FORMS = (
    "(x, y) or (x, y, sample_weight) as arrays with batch_size=..., "
    "or a tf.data.Dataset of batches of such tuples"
)


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
    """Batches of arrays that are on the device as a whole.

    A batch is a slice within the compiled loop. Unlike tf.data this needs no copy and no queue a
    step, which matters if a step takes milliseconds.

    Args:
        name: The argument's name, for messages.
        arrays: (x, y) or (x, y, sample_weight), arrays or nested arrays.
        batch_size: Rows of a batch.
        device: The device.

    Raises:
        InputError: If the arrays differ in their number of rows or have none, or `batch_size` is no
            positive integer.
    """

    def __init__(self, name: str, arrays: tuple, batch_size: int | None, device: str):
        self.size = positive_int("batch_size", batch_size)
        parts = tf.nest.flatten(arrays)
        lengths = {len(part) if np.ndim(part) else 0 for part in parts}
        if len(lengths) != 1 or 0 in lengths:
            raise InputError(
                f"Expected arrays with the same number of rows, at least one, for {name}. "
                f"Received: {sorted(lengths)} rows"
            )
        (self.rows,) = lengths
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
    """Batches of a finite `tf.data.Dataset` in its own order; those of one call are joined first.

    Args:
        name: The argument's name, for messages.
        dataset: The data set; its elements are the batches.
        device: Device of the joined arrays.

    Raises:
        InputError: If the number of batches is infinite or unknown.
    """

    def __init__(self, name: str, dataset: tf.data.Dataset, device: str):
        self.name, self.dataset, self.device = name, dataset, device
        self.count = int(dataset.cardinality())
        if self.count < 1:
            raise InputError(
                f"Expected a finite dataset of known length for {name}: end it with dataset.apply("
                "tf.data.experimental.assert_cardinality(batches)). "
                f"Received: cardinality {self.count}"
            )

    def __len__(self) -> int:
        return self.count

    def chunks(self, most: int, skip: int = 0) -> Iterator[Chunk]:
        """Yield the batches after the first `skip`, up to `most` at a time."""
        waiting: list[tuple] = []
        for element in self.dataset.skip(skip).prefetch(most):
            batch = _checked(self.name, element)
            if waiting and (len(waiting) == most or _rows(waiting[0]) != _rows(batch)):
                yield self._joined(waiting)
                waiting = []
            waiting.append(batch)
        yield self._joined(waiting)

    def _joined(self, batches: list[tuple]) -> Chunk:
        with tf.device(self.device):
            arrays = tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), *batches)
        return Chunk(arrays, 0, _rows(batches[0]), len(batches))


Batches = ArrayBatches | DatasetBatches


def make_batches(name: str, dataset: Any, batch_size: int | None, device: str) -> Batches:
    """Return the batches of a data set.

    Args:
        name: The argument's name, for messages.
        dataset: See `FORMS`.
        batch_size: Rows of a global batch, for arrays only.
        device: Device where the rows wait to be sliced.

    Raises:
        InputError: If `dataset` has no such form, or `batch_size` does not go with it.
    """
    if isinstance(dataset, tf.data.Dataset):
        if batch_size is not None:
            raise input_error(
                "no batch_size beside a tf.data.Dataset, whose elements are the batches",
                batch_size=batch_size,
            )
        return DatasetBatches(name, dataset, device)
    return ArrayBatches(name, _checked(name, dataset), batch_size, device)


def share(
    chunk_arrays: tuple, start: tf.Tensor, size: int, replica: int, replicas: int, device: str
) -> tuple[tuple, float]:
    """Return one replica's contiguous rows of a global batch, and their fraction of it.

    Rows size r / R up to size (r + 1) / R go to replica r of R, so that every row is taken once,
    whatever their number. A replica without a row gets the batch's first row with fraction 0, so
    that every replica runs the same operations.

    Args:
        chunk_arrays: As in `Chunk`.
        start: Row at which the global batch starts.
        size: Its rows.
        replica: r.
        replicas: R.
        device: Device of `chunk_arrays`; a slice on another one would move them there as a whole.

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


def _checked(name: str, element: Any) -> tuple:
    """Return (x, y) or (x, y, sample_weight) of dense arrays."""
    if isinstance(element, (tuple, list)) and len(element) == 3 and element[2] is None:
        element = element[:2]
    if not isinstance(element, (tuple, list)) or len(element) not in (2, 3):
        raise InputError(f"Expected {FORMS} for {name}. Received: {type(element).__name__}")
    parts = tf.nest.flatten(element)
    if any(isinstance(part, (tf.SparseTensor, tf.RaggedTensor)) for part in parts):
        raise InputError(
            f"Expected dense arrays for {name}: {FORMS}. Received: a sparse or ragged tensor"
        )
    return tuple(element)


def _rows(batch: tuple) -> int:
    first, *_ = tf.nest.flatten(batch)
    return int(first.shape[0])


def _to_tensor(array: Any) -> tf.Tensor:
    array = np.asarray(array)
    # As `fit` does: floating-point arrays in Keras's precision, all others as they are.
    if array.dtype.kind == "f":
        array = array.astype(keras.config.floatx())
    return tf.convert_to_tensor(array)
