"""Arrays of numbers from whatever a caller passes: lists, NumPy arrays, tensors of any backend."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from overparam_tf.checks import resolve
from overparam_tf.errors import input_error


def real_array(name: str, value: Any) -> np.ndarray:
    """Return `value` as a NumPy array in its own dtype.

    Args:
        name: The argument's name, for the message.
        value: A number, a nested list, an array or a tensor. NaN and infinity are let through.

    Raises:
        InputError: If it does not hold real numbers.

    Example:
        >>> real_array("kernel", [[1.0, 2.0]]).shape
        (1, 2)
    """
    array = resolve(name, value, ops.convert_to_numpy, "an array of numbers")
    # bfloat16 is not NumPy's own, and has no kind.
    if array.dtype.kind not in "biuf" and "float" not in array.dtype.name:
        raise input_error(f"an array of numbers for {name}", **{name: value})
    return array
