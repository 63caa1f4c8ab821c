r"""The Hessian of an l_p loss in the factors of a single-output predictor: what decides which rates are stable.

With K = F_1 s_2 .. s_N (F_1 a column, the other factors numbers), theta all entries of the factors, L(K) the loss and
J = dK/dtheta, the chain rule gives

    H = J^T L''(K) J + sum_i (dL/dK)_i d^2 K_i / dtheta^2.

Gradient descent at the rate eta contracts along an eigenvector only while its eigenvalue is below 2 / eta. For
balanced factors J J^T = |K|^(2-2/N) (I + (N-1) Pr_K), the preconditioner of Claim 1: the first term grows with the
effective rate |K|^(2-2/N), though the loss as a function of K gets flatter. The second is small near a minimum.

All of it in float64. d + N - 1 parameters are few, so that LAPACK has all eigenvalues in a few milliseconds; larger
models need Lanczos iterations on Hessian-vector products instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Sharpness(NamedTuple):
    """The largest eigenvalue of H, its unit eigenvector (d + N - 1,), and the largest eigenvalue of L''(K)."""

    value: float
    direction: np.ndarray
    curvature: float


def hessian(
    factors: Sequence[np.ndarray], x: np.ndarray, y: np.ndarray, p: int
) -> tuple[np.ndarray, np.ndarray]:
    """The Hessians of mean((x K - y)^p) / p in the entries of the factors, in their order, and in K.

    Args:
        factors: F_1 (d, 1), then N-1 factors (1, 1).
        x: inputs, (n, d).
        y: labels, (n, 1).
        p: exponent, even.

    Returns:
        H, (d + N - 1, d + N - 1), and L''(K), (d, d).

    Example: K = F_1 F_2 = 6 at the label 0 has L = (F_1 F_2)^2 / 2.

    >>> hessian([np.array([[2.0]]), np.array([[3.0]])], np.ones((1, 1)), np.zeros((1, 1)), p=2)[0]
    array([[ 9., 12.],
           [12.,  4.]])
    """
    first, numbers = (
        np.asarray(factors[0], float)[:, 0],
        [float(np.squeeze(factor)) for factor in factors[1:]],
    )
    d, rest = len(first), np.prod(numbers)
    error = x @ (first * rest) - y[:, 0]
    gradient = x.T @ error ** (p - 1) / len(x)
    jacobian = np.column_stack(
        [rest * np.eye(d), *(first * _product_without(numbers, j) for j in range(len(numbers)))]
    )
    in_kernel = kernel_hessian(error, x, p)
    result = jacobian.T @ in_kernel @ jacobian
    for j in range(len(numbers)):
        across = gradient * _product_without(numbers, j)
        result[:d, d + j] += across
        result[d + j, :d] += across
        for k in range(len(numbers)):
            if k != j:
                result[d + j, d + k] += gradient @ first * _product_without(numbers, j, k)
    return result, in_kernel


def kernel_hessian(error: np.ndarray, x: np.ndarray, p: int) -> np.ndarray:
    """L''(K) = (p-1) mean(e^(p-2) x x^T), (d, d), of the loss in the kernel itself, at the errors e (n,)."""
    return (p - 1) / len(x) * (x * error[:, None] ** (p - 2)).T @ x


def sharpness(factors: Sequence[np.ndarray], x: np.ndarray, y: np.ndarray, p: int) -> Sharpness:
    """The largest eigenvalue of `hessian` with its direction, and that of L''(K); all NaN for infinite factors."""
    with np.errstate(over="ignore", invalid="ignore"):
        matrix, in_kernel = hessian(factors, x, y, p)
    if not np.isfinite(matrix).all():
        return Sharpness(np.nan, np.full(len(matrix), np.nan), np.nan)
    values, vectors = np.linalg.eigh(matrix)
    return Sharpness(float(values[-1]), vectors[:, -1], float(np.linalg.eigvalsh(in_kernel)[-1]))


def _product_without(numbers: Sequence[float], *left_out: int) -> float:
    return float(np.prod([number for j, number in enumerate(numbers) if j not in left_out]))
