"""The ways to start the factors of a variant: by name, by an initializer, or from arrays."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from overparam_tf.checks import resolve
from overparam_tf.initializers import NearZero, with_seed

# Ways to start the factors that have a name of their own.
STARTS = ("near_zero", "balanced", "identity")


def check_start(start: Any) -> None:
    """Check that a value is one of the ways to start the factors that `Variant` describes.

    Raises:
        InputError: If it is none.
    """
    if isinstance(start, (list, tuple)):
        for factor in start:
            resolve("initial_factors", factor, _numbers, "arrays of finite numbers")
    elif not isinstance(start, str) or start not in STARTS:
        names = ", ".join(map(repr, STARTS))
        expected = f"one of {names}, a Keras initializer or a list of arrays"
        resolve("initial_factors", start, _initializer, expected)


def factor_initializer(start: Any, seed: int, depth: int) -> Any:
    """Return the `factor_initializer` of a seed; balanced factors and arrays are assigned later.

    Args:
        start: The argument `initial_factors` of a variant.
        seed: The run's seed.
        depth: Number of factors.

    Returns:
        An initializer for all factors, or a list with one for each.

    Example:
        >>> factor_initializer("identity", seed=0, depth=3)[1:]
        ['identity', 'identity']
    """
    if isinstance(start, (list, tuple)) or start in ("near_zero", "balanced"):
        return NearZero(seed=seed)
    if start == "identity":
        return [NearZero(seed=seed), *["identity"] * (depth - 1)]
    return with_seed(keras.initializers.get(start), seed)


def _numbers(values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind == "c":
        raise ValueError("complex")
    array = array.astype("float64")
    if not np.isfinite(array).all():
        raise ValueError("not finite")
    return array


def _initializer(value: Any) -> keras.initializers.Initializer:
    initializer = None if value is None else keras.initializers.get(value)
    if not isinstance(initializer, keras.initializers.Initializer):
        raise ValueError("no Keras initializer")
    return initializer
