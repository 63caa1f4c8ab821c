"""The settings of Keras under which every experiment runs, whatever keras.json says."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from keras import config

FLOATX, DATA_FORMAT, EPSILON = "float32", "channels_last", 1e-7


@contextlib.contextmanager
def own_keras_settings() -> Iterator[None]:
    """Open a block with Keras's published defaults: float32, channels last, epsilon 1e-7.

    Example:
        >>> config.set_floatx("float16")
        >>> with own_keras_settings():
        ...     config.floatx()
        'float32'
        >>> config.floatx()
        'float16'
        >>> config.set_floatx("float32")
    """
    earlier = config.floatx(), config.image_data_format(), config.epsilon(), config.dtype_policy()
    _set(FLOATX, DATA_FORMAT, EPSILON, FLOATX)
    try:
        yield
    finally:
        _set(*earlier)


def _set(floatx: str, data_format: str, epsilon: float, policy: object) -> None:
    config.set_floatx(floatx)
    config.set_image_data_format(data_format)
    config.set_epsilon(epsilon)
    config.set_dtype_policy(policy)
