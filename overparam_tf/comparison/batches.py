"""The training data of a comparison, and its batches: the same ones at every depth and rate."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from overparam_tf.errors import InputError, input_error

EXPECTED = (
    "data as (x, y) or (x, y, sample_weight), each an array or a list or dictionary of arrays of "
    "the same number of rows, or a finite data set of such batches"
)


@dataclass(frozen=True, eq=False)
class Rows:
    """Inputs, labels and sample weights, each an array or a structure of arrays of equal length.

    Attributes:
        x: Inputs.
        y: Labels; None if the model needs no labels.
        weights: Sample weights; None for none.
    """

    x: Any
    y: Any = None
    weights: Any = None

    @property
    def arrays(self) -> list[np.ndarray]:
        """Return all arrays, in a fixed order."""
        leaves = keras.tree.flatten((self.x, self.y, self.weights))
        return [leaf for leaf in leaves if isinstance(leaf, np.ndarray)]

    def __len__(self) -> int:
        first, *_ = self.arrays
        return len(first)

    def at(self, rows: np.ndarray | slice) -> Rows:
        """Return some of the rows."""
        taken = [
            keras.tree.map_structure(lambda array: None if array is None else array[rows], part)
            for part in (self.x, self.y, self.weights)
        ]
        return Rows(*taken)

    @property
    def checksum(self) -> str:
        """Return a SHA-256 in hex over shapes, types and bytes of all arrays."""
        digest = hashlib.sha256()
        for array in self.arrays:
            digest.update(f"{array.shape} {array.dtype} ".encode())
            content = array.tolist() if array.dtype.kind == "O" else np.ascontiguousarray(array)
            digest.update(str(content).encode() if isinstance(content, list) else content.data)
        return digest.hexdigest()


def read_rows(name: str, data: Any) -> Rows:
    """Return data in one of the forms that `fit` takes as arrays.

    Args:
        name: The argument's name, for the message.
        data: A tuple `(x, y)` or `(x, y, sample_weight)`, a `keras.utils.PyDataset`, or a finite
            data set such as `tf.data.Dataset` or a PyTorch `DataLoader`. The batches of a data set
            are collected in memory, once, and drawn again in another order.

    Raises:
        InputError: If it is none of these.

    Example:
        >>> rows = read_rows("data", (np.zeros((6, 2)), np.arange(6)))
        >>> len(rows), rows.at(np.array([1, 4])).y.tolist()
        (6, [1, 4])
    """
    if isinstance(data, tuple):
        return _checked(name, data)
    if hasattr(data, "__array__") or isinstance(data, (str, dict, list)):
        raise _refused(name, data)
    batches = [_checked(name, batch) for batch in _batches_of(name, data)]
    if not batches:
        raise input_error(f"{EXPECTED} for {name}, not empty", **{name: data})
    parts = [
        keras.tree.map_structure(_joined, *[getattr(batch, part) for batch in batches])
        for part in ("x", "y", "weights")
    ]
    return Rows(*parts)


def batch_rows(seed: int, row_count: int, batch_size: int, first: int, last: int) -> np.ndarray:
    """Return the rows of the batches of steps `first` to `last - 1`, one batch after the other.

    As `fit` does, every pass over the data has an order of its own. The rest of a pass that fills
    no batch begins the next one, so that all batches are of one size.

    Args:
        seed: Seed of the orders.
        row_count: Rows of the data.
        batch_size: Rows of a batch.
        first: First step, from 0.
        last: The step after the last.

    Returns:
        Row numbers, shape ((last - first) batch_size,).

    Example: two passes over six rows.

        >>> rows = batch_rows(0, row_count=6, batch_size=4, first=0, last=3)
        >>> sorted(rows[:6].tolist()), sorted(rows[6:].tolist())
        ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5])
        >>> bool(np.all(batch_rows(0, 6, 4, first=1, last=2) == rows[4:8]))
        True
    """
    begin, end = first * batch_size, last * batch_size
    passes = range(begin // row_count, -(-end // row_count))
    order = [np.random.default_rng([seed, number]).permutation(row_count) for number in passes]
    start = begin - passes.start * row_count
    return np.concatenate(order)[start : start + end - begin]


def _batches_of(name: str, data: Any) -> Iterable[Any]:
    cardinality = getattr(data, "cardinality", None)
    if callable(cardinality) and int(cardinality()) == -1:  # of a tf.data.Dataset that repeats
        raise input_error(f"{EXPECTED} for {name}: one that repeats has no end", **{name: data})
    if isinstance(data, keras.utils.PyDataset):
        if data.num_batches is None:
            raise input_error(f"{EXPECTED} for {name}", **{name: data})
        return (data[index] for index in range(data.num_batches))
    if not isinstance(data, Iterable):
        raise _refused(name, data)
    return data


def _checked(name: str, batch: Any) -> Rows:
    if isinstance(batch, list):
        batch = tuple(batch)
    if not isinstance(batch, tuple) or not 1 <= len(batch) <= 3:
        raise _refused(name, batch)
    try:
        parts = [keras.tree.map_structure(_array, part) for part in batch]
    except (TypeError, ValueError) as error:
        raise InputError(f"Expected {EXPECTED}. Received: {name} with {error}") from None
    rows = Rows(*parts)
    lengths = {len(array) for array in rows.arrays}
    if len(lengths) != 1 or 0 in lengths:
        raise input_error(f"{EXPECTED} for {name}", **{f"rows of {name}": sorted(lengths)})
    return rows


def _array(value: Any) -> np.ndarray | None:
    if value is None:
        return None
    is_array = isinstance(value, np.ndarray)  # perhaps of texts, which are no tensor
    array = value if is_array else keras.ops.convert_to_numpy(value)
    if array.ndim == 0:
        raise ValueError("a single number")
    return array


def _joined(*parts: Any) -> Any:
    return None if parts[0] is None else np.concatenate(parts)


def _refused(name: str, data: Any) -> InputError:
    return input_error(f"{EXPECTED} for {name}", **{name: data})


def sizes_text(rows: Rows) -> Sequence[str]:
    """Return the shapes of all arrays, as texts.

    Example:
        >>> sizes_text(Rows(np.zeros((6, 2)), np.arange(6)))
        ['(6, 2)', '(6,)']
    """
    return [str(array.shape) for array in rows.arrays]
