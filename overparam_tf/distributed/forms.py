"""The arguments of `train` that are data, in the forms that `fit` takes, and named sets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from overparam_tf.checks import real_number
from overparam_tf.distributed.array_rows import row_count, to_tensors
from overparam_tf.distributed.call_forms import EarlierData
from overparam_tf.distributed.data import Data, is_iterable_of_batches
from overparam_tf.errors import InputError, input_error

FORMS = "(x, y) or (x, y, sample_weight) as arrays, or batches of such tuples,"


def training_data(
    model: keras.Model,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    validation_split: float,
) -> tuple[Data, Any]:
    """Return the training data, and the part that is held out for validation or None.

    A tuple `x` without `y` is (x, y) or (x, y, sample_weight) if the model has a loss that compares
    outputs with targets; otherwise its entries are the model's inputs.

    Raises:
        InputError: If the data have no form that `fit` takes, or cannot be split.
    """
    is_earlier = isinstance(x, EarlierData)
    if is_earlier:
        x = x.value
    has_targets = model.loss is not None and isinstance(x, tuple) and len(x) > 1
    if (is_earlier or (has_targets and y is None)) and not is_iterable_of_batches(x):
        x, y, sample_weight = _unpacked("x", x, sample_weight)
    if x is None:
        raise input_error(f"arrays, or {FORMS} for x", x=None)
    split = real_number("validation_split", validation_split, least=0, below=1)
    if not split:
        return Data("x", x, y, sample_weight, class_weight), None
    if is_iterable_of_batches(x):
        raise input_error("arrays beside validation_split", validation_split=split)
    arrays = [to_tensors("x", part) for part in (x, y, sample_weight)]
    rows = row_count("x", arrays)
    kept = math.floor(rows * (1 - split))
    if not 0 < kept < rows:
        raise input_error(f"a part of {rows} rows for validation_split", validation_split=split)

    def part(begin: int, end: int) -> Any:
        return tf.nest.map_structure(lambda a: None if a is None else a[begin:end], arrays)

    x, y, sample_weight = part(0, kept)
    return Data("x", x, y, sample_weight, class_weight), tuple(part(kept, rows))


def validation_sets(validation_data: Any) -> dict[str, Data]:
    """Return the validation sets by name; that of a single one is `"val"`.

    Raises:
        InputError: If a set has no form that `fit` takes, or a name is no text.
    """
    if validation_data is None:
        return {}
    is_named = isinstance(validation_data, Mapping) and all(
        isinstance(each, tuple) or is_iterable_of_batches(each) for each in validation_data.values()
    )
    named = validation_data if is_named else {"val": validation_data}
    sets = {}
    for name, value in named.items():
        if not isinstance(name, str):
            raise input_error("texts as names of sets in validation_data", name=name)
        if is_iterable_of_batches(value):
            sets[name] = Data("validation_data", value)
        else:
            sets[name] = Data("validation_data", *_unpacked("validation_data", value, None))
    return sets


def _unpacked(name: str, value: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Return (x, y, sample_weight) of what may be a tuple of them."""
    try:
        x, y, weights = keras.utils.unpack_x_y_sample_weight(value)
    except ValueError:
        raise InputError(f"Expected {FORMS} for {name}. Received: {len(value)} entries") from None
    return x, y, sample_weight if weights is None else weights
