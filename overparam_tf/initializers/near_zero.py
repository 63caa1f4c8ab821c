"""The near-zero initializer of the paper, and the look-up that knows its name."""

from __future__ import annotations

import numbers
from typing import Any

import keras

from overparam_tf.checks import real_number, resolve
from overparam_tf.errors import input_error


@keras.saving.register_keras_serializable(package="overparam_tf")
class NearZero(keras.initializers.RandomNormal):
    """Normal initializer N(0, stddev^2) with a small `stddev`, from which the paper trains factors.

    Args:
        stddev: Standard deviation, >= 0; default 0.01.
        seed: As in every Keras initializer: an int draws the same values at every call, None
            (default) takes a random one, and a `keras.random.SeedGenerator` draws other values at
            each call.

    Raises:
        InputError: If `stddev` is not a finite number >= 0, or `seed` is none of the three.

    Example:
        >>> from keras import ops
        >>> factor = ops.convert_to_numpy(NearZero(seed=1)((200, 50)))
        >>> print(factor.shape, round(float(factor.std()), 3))
        (200, 50) 0.01
    """

    def __init__(self, stddev: float = 0.01, seed: Any = None) -> None:
        super().__init__(
            mean=0.0,
            stddev=real_number("stddev", stddev, least=0),
            seed=_seed(seed),
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        del config["mean"]
        return config


def get(identifier: Any, name: str = "identifier") -> Any:
    """Return an initializer as `keras.initializers.get` does, but know the name `"near_zero"` too.

    Args:
        identifier: An initializer, its name or config, a function of shape and dtype, or an array.
        name: The argument's name, for the message; default `"identifier"`.

    Raises:
        InputError: If Keras knows no such initializer, or `identifier` is None, for which Keras
            would choose Glorot's initializer.

    Example:
        >>> get("near_zero").stddev
        0.01
    """
    expected = "an initializer or its name, such as 'near_zero',"
    if identifier is None:
        raise input_error(f"{expected} for {name}", **{name: identifier})
    if isinstance(identifier, str) and identifier == "near_zero":
        return NearZero()
    return resolve(name, identifier, keras.initializers.get, expected)


def _seed(seed: Any) -> Any:
    """Return a seed in a form that Keras takes: it refuses NumPy's integers."""
    if seed is None or isinstance(seed, (dict, keras.random.SeedGenerator)):
        return seed  # a dict is the config of a SeedGenerator
    if isinstance(seed, numbers.Integral) and not isinstance(seed, bool):
        return int(seed) % 2**32  # as Keras reads it, but on JAX it takes no negative one
    raise input_error("None, an integer or a keras.random.SeedGenerator for seed", seed=seed)
