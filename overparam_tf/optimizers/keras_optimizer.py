"""The Keras optimizer that an argument stands for."""

from __future__ import annotations

from typing import Any

import keras


def keras_optimizer(value: Any) -> keras.optimizers.Optimizer:
    """Return the Keras optimizer of a name, a config or an instance; for `checks.resolve`.

    Raises:
        ValueError: If it stands for none.

    Example:
        >>> type(keras_optimizer("adam")).__name__
        'Adam'
    """
    try:
        optimizer = keras.optimizers.get(value)
    except (AttributeError, KeyError) as error:  # an unreadable config
        raise ValueError(str(error)) from error
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise ValueError("no Keras optimizer")
    return optimizer
