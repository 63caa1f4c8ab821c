"""Random values of single factors: each has its own seed, and numbers also inside a trace."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
from keras import ops

from overparam_tf.checks import whole_number


def factor_seed(seed: int, j: int) -> int:
    """Return the seed of factor `j`, counted from 0.

    Args:
        seed: The seed given for all factors, any integer.
        j: Index of the factor, >= 0.

    Returns:
        `seed` itself for j = 0, and one derived from (seed, j) for the others. Both are from 0 to
        2^32 - 1: Keras reads a seed modulo 2^32, but on JAX it takes no negative one.

    Raises:
        InputError: If an argument is not an integer, or `j` is negative.

    Example:
        >>> factor_seed(7, 0), len({factor_seed(seed, j) for seed in range(10) for j in range(10)})
        (7, 100)
    """
    seed, j = whole_number("seed", seed, least=None), whole_number("j", j)
    seed %= 2**32
    if j == 0:
        return seed
    return int(np.random.SeedSequence((seed, j)).generate_state(1)[0])


def per_factor(initializer: Any, j: int) -> Any:
    """Return the initializer of factor `j`, so that factors of equal shape get different values.

    A Keras initializer with a seed gives the same values at every call with the same shape. So each
    factor gets a copy with its own seed: `factor_seed` of an int seed, a new random one for None.

    Args:
        initializer: A Keras initializer. One that has no seed, or draws from a
            `keras.random.SeedGenerator`, is returned as it is.
        j: Index of the factor, from 0.

    Returns:
        An initializer.

    Raises:
        InputError: If `j` is not an integer >= 0.

    Example:
        >>> from overparam_tf.initializers import NearZero
        >>> first, second = (per_factor(NearZero(seed=0), j)((3, 3)) for j in range(2))
        >>> bool(ops.any(first == second))
        False
    """
    j = whole_number("j", j)
    config = initializer.get_config() if hasattr(initializer, "get_config") else {}
    if "seed" not in config or not isinstance(config["seed"], int | None):
        return initializer
    return with_seed(
        initializer, config["seed"] if config["seed"] is None else factor_seed(config["seed"], j)
    )


def with_seed(initializer: Any, seed: int | None) -> Any:
    """Return a copy of a Keras initializer with another seed, if it has one.

    Example:
        >>> with_seed(keras.initializers.RandomNormal(seed=1), 2).seed
        2
    """
    config = initializer.get_config()
    return type(initializer).from_config({**config, "seed": seed} if "seed" in config else config)


def draw(initializer: Any, shape: Sequence[int], dtype: str) -> np.ndarray:
    """Return the values of an initializer as a NumPy array, also while a graph is being traced.

    Args:
        initializer: A Keras initializer, or a function of shape and dtype.
        shape: Shape of the array.
        dtype: Name of its dtype.

    Example:
        >>> draw(keras.initializers.Ones(), (1, 2), "float32")
        array([[1., 1.]], dtype=float32)
    """
    seed = getattr(initializer, "seed", None)
    if isinstance(seed, int) and seed < 0:
        initializer = per_factor(initializer, 0)
    # Keras may build a layer inside another's symbolic call, where tensors have no values. Graphs,
    # traces and scopes belong to a thread, so a new thread computes eagerly on every backend.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(
            lambda: ops.convert_to_numpy(initializer(tuple(shape), dtype=dtype))
        ).result()


def with_noise(
    factors: Sequence[np.ndarray], noise: float, seed: int | None, dtype: str
) -> list[np.ndarray]:
    """Return factors with normal noise added, for each factor relative to its root mean square.

    Args:
        factors: The factors.
        noise: Standard deviation of the noise over the root mean square, >= 0.
        seed: Seed of the noise; None for a random one.
        dtype: Name of the dtype in which the noise is drawn.

    Example:
        >>> (noisy,) = with_noise([np.full((2, 2), 3.0)], noise=0.1, seed=0, dtype="float32")
        >>> bool(np.all(noisy != 3.0)), bool(np.all(np.abs(noisy - 3.0) < 3 * 0.1 * 5))
        (True, True)
    """
    if not noise:
        return list(factors)
    normal = keras.initializers.RandomNormal(stddev=1.0, seed=seed)
    return [
        factor
        + noise * np.sqrt(np.mean(factor**2)) * draw(per_factor(normal, j), factor.shape, dtype)
        for j, factor in enumerate(factors)
    ]
