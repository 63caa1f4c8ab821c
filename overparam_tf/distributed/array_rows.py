"""Arrays as `fit` takes them, as tensors with the same number of rows."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.checks import real_number
from overparam_tf.errors import InputError, input_error


def to_tensors(name: str, value: Any) -> Any:
    """Return nested arrays as nested tensors.

    A list of numbers, or of lists of numbers, is one array. As in `fit`, floating-point arrays get
    Keras's precision, and others stay as they are.

    Args:
        name: The argument's name, for messages.
        value: Arrays, tensors, pandas tables, or lists, tuples and mappings of them; None stays.

    Raises:
        InputError: If an entry is no dense array.
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {key: to_tensors(name, entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)) and not _is_of_numbers(value):
        return type(value)([to_tensors(name, entry) for entry in value])
    if isinstance(value, (tf.SparseTensor, tf.RaggedTensor)) or hasattr(value, "tocoo"):
        raise InputError(
            f"Expected dense arrays for {name}. Received: a sparse or ragged {type(value).__name__}"
        )
    array = value if tf.is_tensor(value) else _to_numpy(name, value)
    if not len(array.shape):
        raise input_error(f"arrays with a row for each example for {name}", **{name: value})
    if not tf.is_tensor(array) and array.dtype.kind == "f":
        array = array.astype(keras.config.floatx())
    tensor = tf.convert_to_tensor(array)
    return tf.cast(tensor, keras.config.floatx()) if tensor.dtype.is_floating else tensor


def row_count(name: str, arrays: Any, expected: str = "arrays with") -> int:
    """Return the number of rows that all arrays have.

    Args:
        name: The argument's name, for the message.
        arrays: Nested tensors; None is no array.
        expected: Beginning of what the message expects.

    Raises:
        InputError: If they differ in it, or have no row.
    """
    parts = [part for part in tf.nest.flatten(arrays) if part is not None]
    lengths = {int(part.shape[0]) if len(part.shape) else 0 for part in parts}
    if len(lengths) != 1 or 0 in lengths:
        raise InputError(
            f"Expected {expected} the same number of rows, at least one, for {name}. "
            f"Received: {sorted(lengths)} rows"
        )
    (rows,) = lengths
    return rows


def class_weights(y: Any, weights: Mapping[int, float]) -> np.ndarray:
    """Return the weight of each row's class, 1 for a class without one.

    Args:
        y: Class numbers, of shape (rows,) or (rows, 1), or one-hot rows.
        weights: Weight by class number.

    Raises:
        InputError: If `y` is not one array, or the weights are no mapping of numbers.

    Example:
        >>> class_weights(np.array([0, 2, 1]), {0: 3.0, 1: 2.0})
        array([3., 1., 2.], dtype=float32)
    """
    if not isinstance(weights, Mapping) or not all(
        isinstance(key, numbers.Integral) for key in weights
    ):
        raise input_error("a mapping of class numbers to weights", class_weight=weights)
    if y is None or isinstance(y, (list, tuple, Mapping)):
        raise InputError(
            "Expected one array of targets beside class_weight, which `fit` supports for a single "
            f"output only. Received: y of type {type(y).__name__}"
        )
    known = {int(key): real_number("class_weight", weight) for key, weight in weights.items()}
    classes = np.asarray(y)
    if classes.ndim > 1:
        classes = classes.argmax(-1) if classes.shape[-1] != 1 else classes[..., 0]
    classes = np.round(classes).astype(int)
    picked = [known.get(int(number), 1.0) for number in classes.ravel()]
    return np.array(picked, keras.config.floatx()).reshape(classes.shape)


def _is_of_numbers(value: Any) -> bool:
    """Return whether lists hold numbers alone, so that they are one array."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(map(_is_of_numbers, value))
    return isinstance(value, (numbers.Number, str))


def _to_numpy(name: str, value: Any) -> np.ndarray:
    try:
        if not isinstance(value, (list, tuple)) and not hasattr(value, "__array__"):
            raise ValueError
        array = np.asarray(value)
        if array.dtype.kind == "O":
            array = np.asarray(array.tolist())
        if array.dtype.kind not in "biufSUV":
            raise ValueError
    except (TypeError, ValueError):
        raise input_error(
            f"arrays, a tf.data.Dataset, a PyDataset or a generator for {name}", **{name: value}
        ) from None
    return array
