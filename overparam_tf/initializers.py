"""How factors start: near zero, or as a balanced or identity-like split of a given kernel.

Near zero is what the paper trains from. The two splits turn an existing kernel into factors whose product is
that kernel. `per_factor` deals one seeded initializer out to several factors.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
from keras import ops

from overparam_tf._shapes import Width, factor_shapes
from overparam_tf.errors import InputError


@keras.saving.register_keras_serializable(package="overparam_tf")
class NearZero(keras.initializers.RandomNormal):
    """Draw from N(0, stddev^2) with a small ``stddev``: the initialisation of every factor in the paper.

    Args:
        stddev: Standard deviation, >= 0.
        seed: As in every Keras initializer: an int draws the same values at every call.

    Raises:
        InputError: If ``stddev`` is not a finite number >= 0.

    Example:
        >>> factor = ops.convert_to_numpy(NearZero(seed=1)((200, 50)))
        >>> print(factor.shape, round(float(factor.std()), 3))
        (200, 50) 0.01
    """

    def __init__(self, stddev: float = 0.01, seed: Any = None) -> None:
        if not isinstance(stddev, numbers.Real) or not 0 <= stddev < math.inf:
            raise InputError(
                f"Expected a finite standard deviation >= 0. Received: stddev={stddev!r}"
            )
        super().__init__(mean=0.0, stddev=stddev, seed=seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        del config["mean"]
        return config


def get(identifier: Any) -> Any:
    """Return an initializer, as `keras.initializers.get` does, which does not know the name ``"near_zero"``.

    Raises:
        InputError: If ``identifier`` is None, for which Keras would quietly choose Glorot's initializer.

    Example:
        >>> get("near_zero").stddev
        0.01
    """
    if identifier is None:
        raise InputError("Expected an initializer or its name, such as 'near_zero'. Received: None")
    if isinstance(identifier, str) and identifier == "near_zero":
        return NearZero()
    return keras.initializers.get(identifier)


def factor_seed(seed: int, j: int) -> int:
    """Return the seed of factor ``j``: ``seed`` itself for j = 0, and one derived from (seed, j) after that.

    Example:
        >>> factor_seed(7, 0), len({factor_seed(seed, j) for seed in range(10) for j in range(10)})
        (7, 100)
    """
    if j == 0:
        return seed
    # Keras reads a seed modulo 2^32, and a SeedSequence takes no negative number.
    return int(np.random.SeedSequence((seed % 2**32, j)).generate_state(1)[0])


def per_factor(initializer: Any, j: int) -> Any:
    """Return the initializer of factor ``j``, so that factors of equal shape start from different values.

    A Keras initializer gives the same values at every call with the same shape. So each factor gets a copy of
    its own: with the seed `factor_seed` where an int seed was given, with a new random seed where none was.
    An initializer that has no seed, or draws from a `keras.random.SeedGenerator`, is returned as it is.

    Args:
        initializer: A Keras initializer or a callable ``(shape, dtype)``.
        j: Number of the factor, from 0.

    Returns:
        An initializer.

    Example:
        >>> first, second = (per_factor(NearZero(seed=0), j)((3, 3)) for j in range(2))
        >>> bool(ops.any(first == second))
        False
    """
    config = initializer.get_config() if hasattr(initializer, "get_config") else {}
    if "seed" not in config or not isinstance(config["seed"], int | None):
        return initializer
    seed = config["seed"] if config["seed"] is None else factor_seed(config["seed"], j)
    return type(initializer).from_config({**config, "seed": seed})


def draw(initializer: Any, shape: Sequence[int], dtype: str) -> np.ndarray:
    """Return the values an initializer gives as a numpy array, also while a graph is being traced.

    Example:
        >>> draw(keras.initializers.Ones(), (1, 2), "float32")
        array([[1., 1.]], dtype=float32)
    """
    # Keras may build a layer inside another's symbolic call, where tensors have no values. Graphs, traces and
    # scopes belong to a thread, so a new thread computes eagerly whatever the backend.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(
            lambda: ops.convert_to_numpy(initializer(tuple(shape), dtype=dtype))
        ).result()


def balanced_factors(kernel: Any, depth: int, widths: Width = None) -> list[np.ndarray]:
    r"""Split a kernel into balanced factors.

    With the thin SVD :math:`K = U S V^\top`,

    .. math:: F_1 = U S^{1/N}, \quad F_j = S^{1/N}, \quad F_N = S^{1/N} V^\top,

    padded with zeros up to the widths. Then :math:`F_1 F_2 \cdots F_N = K` and
    :math:`F_j^\top F_j = F_{j+1} F_{j+1}^\top`, the balance that Theorem 1 assumes at the start and that
    gradient flow conserves. Padding is never trained: its gradient is zero as long as it is zero.

    Args:
        kernel: Shape (in, out), array or tensor.
        depth: Number of factors N >= 1.
        widths: Inner dimensions, at least the rank of the kernel: None for min(in, out), an int, or a list of
            ``depth - 1`` ints.

    Returns:
        List of N arrays in the kernel's dtype; the SVD is taken in float64.

    Raises:
        InputError: If the kernel is not a finite matrix, or has a higher rank than a width.

    Source:
        Arora, Cohen & Hazan (ICML 2018), Theorem 1.

    Example:
        >>> kernel = np.random.default_rng(0).normal(size=(5, 3))
        >>> first, second, third = balanced_factors(kernel, depth=3, widths=4)
        >>> bool(np.allclose(first @ second @ third, kernel, atol=1e-12))
        True
        >>> bool(np.allclose(first.T @ first, second @ second.T, atol=1e-12))
        True
    """
    matrix, dtype = _finite_matrix(kernel)
    shapes = factor_shapes(matrix.shape, depth, widths)
    if depth == 1:
        return [matrix.astype(dtype)]
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    rank = numerical_rank(s, matrix.shape, dtype)
    narrowest = min(columns for _, columns in shapes[:-1])
    if narrowest < rank:
        raise InputError(
            f"Expected widths >= {rank}, the rank of the kernel, since a product has no higher rank than its "
            f"narrowest factor. Received: widths={widths}, kernel.shape={matrix.shape}"
        )
    kept = min(len(s), narrowest)
    u, vt, root = u[:, :kept], vt[:kept], s[:kept] ** (1 / depth)
    factors = [u * root, *[np.diag(root)] * (depth - 2), root[:, None] * vt]
    return [zero_padded(f, shape).astype(dtype) for f, shape in zip(factors, shapes, strict=True)]


def identity_factors(kernel: Any, depth: int, widths: Width = None) -> list[np.ndarray]:
    r"""Split a kernel into itself and identity-like factors.

    .. math:: F_1 = [K \; 0],\ F_j = I \ (\text{in} > \text{out}), \qquad
              F_j = I,\ F_N = [K; 0] \ (\text{in} \le \text{out}),

    with rectangular identities :math:`[I \; 0]` where widths differ. The product is exactly the kernel, but
    the factors are not balanced.

    Args:
        kernel: Shape (in, out), array or tensor.
        depth: Number of factors N >= 1.
        widths: Inner dimensions, at least min(in, out): None for min(in, out), an int, or a list of
            ``depth - 1`` ints.

    Returns:
        List of N arrays in the kernel's dtype.

    Raises:
        InputError: If the kernel is not a finite matrix or a width is below min(in, out).

    Example:
        >>> first, second = identity_factors([[1.0, 2.0, 3.0]], depth=2)
        >>> print(first, second)
        [[1.]] [[1. 2. 3.]]
    """
    matrix, dtype = _finite_matrix(kernel)
    shapes = factor_shapes(matrix.shape, depth, widths)
    if min((columns for _, columns in shapes[:-1]), default=math.inf) < min(matrix.shape):
        raise InputError(
            f"Expected widths >= min(in, out) = {min(matrix.shape)}, since narrower identities lose part of "
            f"the kernel. Received: widths={widths}, kernel.shape={matrix.shape}"
        )
    factors = [np.eye(*shape) for shape in shapes]
    carrier = 0 if matrix.shape[0] > matrix.shape[1] else depth - 1
    factors[carrier] = zero_padded(matrix, shapes[carrier])
    return [factor.astype(dtype) for factor in factors]


def _finite_matrix(kernel: Any) -> tuple[np.ndarray, np.dtype]:
    """Return the kernel in float64 and the dtype its factors are to have (whole numbers become float64)."""
    array = ops.convert_to_numpy(kernel)
    dtype = np.dtype("float64") if array.dtype.kind in "biu" else array.dtype
    matrix = array.astype("float64")
    if matrix.ndim != 2 or matrix.size == 0 or not np.isfinite(matrix).all():
        raise InputError(
            f"Expected a kernel of shape (in, out) with finite entries. Received: kernel.shape={array.shape}"
            + ("" if np.isfinite(matrix).all() else ", with entries that are NaN or infinite")
        )
    return matrix, dtype


def numerical_rank(singular_values: np.ndarray, shape: Sequence[int], dtype: np.dtype) -> int:
    """Return how many singular values stand out of the round-off of the ``dtype`` a matrix was given in.

    Example:
        >>> values = np.array([1.0, 1e-9, 0.0])
        >>> [numerical_rank(values, (4, 3), np.dtype(name)) for name in ("float64", "float32")]
        [2, 1]
    """
    eps = np.finfo("float64" if dtype == "float64" else "float32").eps
    return int(np.sum(singular_values > singular_values.max(initial=0.0) * max(shape) * eps))


def zero_padded(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Return ``array`` with zeros behind it along every axis, up to ``shape``.

    Example:
        >>> print(zero_padded(np.ones((1, 2)), (2, 3)))
        [[1. 1. 0.]
         [0. 0. 0.]]
    """
    return np.pad(array, [(0, new - old) for old, new in zip(array.shape, shape, strict=True)])


# How to split a matrix into factors, by the name that `FactorizedDense.assign_kernel` takes.
SPLITS = {"balanced": balanced_factors, "identity": identity_factors}
