"""Generated problems whose data leave a choice: matrix completion and matrix sensing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from overparam_tf.checks import list_of, optional, positive_int, real_number, whole_number
from overparam_tf.datasets.problem import Problem
from overparam_tf.datasets.sensing import SensingProblem
from overparam_tf.datasets.sizes import COPIES
from overparam_tf.errors import input_error
from overparam_tf.memory import require_memory

# More numbers than this are not generated: matrices of sensing hold size^2 numbers each.
MOST_NUMBERS = 10**8


def low_rank_matrix(
    size: int = 100, rank: int = 5, *, singular_values: Sequence[float] | None = None, seed: int = 0
) -> np.ndarray:
    r"""Generate a square matrix of low rank, its entries of mean square 1.

    W = A B^T with Gaussian A and B, both of shape (size, rank); or, with singular values s,
    W = U diag(s) V^T with random orthonormal U and V. Either is scaled by one number to
    ||W||_F = size.

    Args:
        size: Number of rows and of columns, at least 2; default 100.
        rank: The rank, from 1 to `size`; default 5.
        singular_values: The `rank` singular values up to a common factor, each above 0; default
            None, those of the Gaussian product.
        seed: Seed of NumPy's default generator; default 0.

    Returns:
        The matrix, shape (size, size).

    Raises:
        InputError: If an argument is out of its range, or the matrix does not fit into memory.

    Source:
        Arora, Cohen, Hu & Luo (NeurIPS 2019), appendix on experiments.

    Example:
        >>> w = low_rank_matrix(20, 3)
        >>> np.linalg.matrix_rank(w).item(), round(float(np.mean(w**2)), 12)
        (3, 1.0)
        >>> w = low_rank_matrix(20, 2, singular_values=(3.0, 1.0))
        >>> s = np.linalg.svd(w, compute_uv=False)
        >>> round(float(s[0] / s[1]), 12)
        3.0
    """
    size, rank, values = _checked_sizes(size, rank, singular_values)
    return _low_rank(np.random.default_rng(whole_number("seed", seed)), size, rank, values)


def matrix_completion(
    size: int = 100,
    rank: int = 5,
    observations: int = 2000,
    *,
    singular_values: Sequence[float] | None = None,
    seed: int = 0,
) -> Problem:
    """Generate matrix completion: part of a low-rank matrix is observed, and the rest held out.

    The kernel of a linear predictor on x = I is the matrix itself. Its loss is the mean over the
    observed entries, and its test loss that over all others.

    Args:
        size: As in `low_rank_matrix`, like `rank`, `singular_values` and `seed`.
        rank: The rank; default 5.
        observations: Number of observed entries, drawn without repetition, from 1 to size^2 - 1;
            default 2000.
        singular_values: The singular values up to a common factor; default None, random.
        seed: Seed of matrix and entries; default 0.

    Returns:
        A `Problem` named completion-SIZE-rank-RANK.

    Raises:
        InputError: If an argument is out of its range, or the matrix does not fit into memory.

    Source:
        Arora, Cohen, Hu & Luo, "Implicit regularization in deep matrix factorization" (NeurIPS
        2019): size 100, ranks 5 and 10, 2,000 and 5,000 observations.

    Example:
        >>> problem = matrix_completion(20, 2, 100)
        >>> problem
        Problem(completion-20-rank-2 (20 x 20, 100 of 400 labels observed, none))
        >>> problem.held_out.observations
        300
    """
    size, rank, values = _checked_sizes(size, rank, singular_values)
    observations = whole_number("observations", observations, least=1, most=size**2 - 1)
    rng = np.random.default_rng(whole_number("seed", seed))
    w = _low_rank(rng, size, rank, values)
    unobserved = np.ones(size**2, bool)
    unobserved[rng.choice(size**2, observations, replace=False)] = False
    name, provenance = f"completion-{size}-rank-{rank}", f"matrix_completion, seed {seed}"
    mask = unobserved.reshape(size, size)
    return Problem(name, np.eye(size), w, provenance, "none", synthetic=False, unobserved=mask)


def matrix_sensing(
    size: int = 100,
    rank: int = 5,
    observations: int = 2000,
    *,
    singular_values: Sequence[float] | None = None,
    seed: int = 0,
) -> SensingProblem:
    """Generate matrix sensing: inner products of a low-rank matrix with Gaussian matrices.

    The test loss is the mean over the entries of the matrix itself.

    Args:
        size: As in `low_rank_matrix`, like `rank`, `singular_values` and `seed`.
        rank: The rank; default 5.
        observations: Number of matrices, with independent entries N(0, 1 / size^2), by which an
            inner product has the mean square of an entry; at least 1; default 2000.
        singular_values: The singular values up to a common factor; default None, random.
        seed: Seed of all matrices; default 0.

    Returns:
        A `SensingProblem` named sensing-SIZE-rank-RANK.

    Raises:
        InputError: If an argument is out of its range, or the matrices do not fit into memory.

    Source:
        Arora, Cohen, Hu & Luo (NeurIPS 2019), section 2.

    Example:
        >>> problem = matrix_sensing(20, 2, 100)
        >>> problem
        SensingProblem(sensing-20-rank-2 (100 products with 20 x 20 matrices, none))
        >>> w = problem.held_out.y
        >>> bool(np.allclose(np.einsum("iab,ab->i", problem.matrices, w), problem.y[:, 0]))
        True
    """
    size, rank, values = _checked_sizes(size, rank, singular_values)
    observations = positive_int("observations", observations)
    if observations * size**2 > MOST_NUMBERS:
        raise input_error(
            f"at most {MOST_NUMBERS:,} numbers in all matrices",
            observations=observations,
            size=size,
        )
    require_memory(
        "a sensing problem", 8.0 * COPIES * observations * size**2, observations=observations
    )
    rng = np.random.default_rng(whole_number("seed", seed))
    w = _low_rank(rng, size, rank, values)
    x = rng.standard_normal((observations, size**2)) / size
    provenance = f"matrix_sensing, seed {seed}"
    held_out = Problem(f"matrix-{size}-rank-{rank}", np.eye(size), w, provenance, "none", False)
    return SensingProblem(
        f"sensing-{size}-rank-{rank}",
        x,
        (x @ w.ravel())[:, None],
        provenance,
        "none",
        synthetic=False,
        held_out=held_out,
        shape=(size, size),
    )


def _checked_sizes(
    size: Any, rank: Any, singular_values: Any
) -> tuple[int, int, list[float] | None]:
    size = whole_number("size", size, least=2, most=10_000)
    rank = whole_number("rank", rank, least=1, most=size)
    values = optional(
        "singular_values",
        singular_values,
        lambda name, numbers: list_of(name, numbers, lambda _, s: real_number(name, s, above=0)),
    )
    if values is not None and len(values) != rank:
        raise input_error(f"{rank} singular_values, one for each rank", singular_values=values)
    require_memory("a matrix", 8.0 * COPIES * size**2, size=size)
    return size, rank, values


def _low_rank(
    rng: np.random.Generator, size: int, rank: int, values: Sequence[float] | None
) -> np.ndarray:
    left, right = rng.standard_normal((2, size, rank))
    if values is not None:
        left, right = (
            np.linalg.qr(left)[0] * (np.asarray(values) / max(values)),
            np.linalg.qr(right)[0],
        )
    w = left @ right.T
    return w * (size / np.linalg.norm(w))
