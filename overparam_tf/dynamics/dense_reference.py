"""Slow, obvious routes to the end-to-end rule in NumPy, float64, for comparison with the fast code.

Nothing here checks its arguments. Every function takes and returns float64 arrays: kernels and
gradients of shape (in, out), and rules of the gradient's shape.
"""

from __future__ import annotations

import numpy as np


def psd_power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """Return a power of a positive semidefinite matrix by eigendecomposition.

    Power 0 is the identity. Eigenvalues below `n * eps` of the largest count as zero. All are known
    to `eps` of the largest only, so that this serves matrices whose eigenvalues are zero or not
    much smaller than the largest.

    Example:
        >>> np.round(psd_power(np.array([[4.0, 0.0], [0.0, 0.0]]), 0.5), 12).tolist()
        [[2.0, 0.0], [0.0, 0.0]]
    """
    values, vectors = np.linalg.eigh(matrix)
    values = np.where(values > len(values) * np.finfo("float64").eps * values.max(), values, 0.0)
    return (vectors * values**exponent) @ vectors.T


def literal_sum(kernel: np.ndarray, gradient: np.ndarray, depth: int) -> np.ndarray:
    """Return Theorem 1's sum term by term: `sum_j [K K^T]^((j-1)/N) G [K^T K]^((N-j)/N)`.

    Example:
        >>> literal_sum(np.array([[8.0]]), np.array([[1.0]]), 3).round(9).tolist()
        [[48.0]]
    """
    total = np.zeros_like(gradient)
    for j in range(1, depth + 1):
        before = psd_power(kernel @ kernel.T, (j - 1) / depth)
        after = psd_power(kernel.T @ kernel, 1 - j / depth)
        total = total + before @ gradient @ after
    return total


def kronecker_matrix(kernel: np.ndarray, depth: int) -> np.ndarray:
    """Return the preconditioner as a matrix on row-major vectors.

    It follows from `vec(A G B) = kron(A, B^T) vec(G)`.

    Example:
        >>> kronecker_matrix(np.diag([8.0, 1.0]), 3).diagonal().round(9).tolist()
        [48.0, 21.0, 21.0, 3.0]
    """
    total = np.zeros((kernel.size, kernel.size))
    for j in range(1, depth + 1):
        before = psd_power(kernel @ kernel.T, (j - 1) / depth)
        after = psd_power(kernel.T @ kernel, 1 - j / depth)
        total += np.kron(before, after)
    return total


def by_transposition(kernel: np.ndarray, gradient: np.ndarray, depth: int) -> np.ndarray:
    """Return the sum in the paper's convention, `W = K^T` of shape (out, in).

    Powers are taken by a full SVD of W.

    Example:
        >>> by_transposition(np.array([[8.0]]), np.array([[1.0]]), 3).round(9).tolist()
        [[48.0]]
    """
    left, left_values, right, right_values = _full_svd(kernel.T)

    def power(basis: np.ndarray, values: np.ndarray, exponent: float) -> np.ndarray:
        return (basis * values ** (2 * exponent)) @ basis.T

    total = np.zeros_like(gradient.T)
    for j in range(1, depth + 1):
        before = power(left, left_values, (j - 1) / depth)
        after = power(right, right_values, 1 - j / depth)
        total = total + before @ gradient.T @ after
    return total.T


def single_output(kernel: np.ndarray, gradient: np.ndarray, depth: float) -> np.ndarray:
    """Return Claim 2's rule for one row or column: `|w|^(2-2/N) (g + (N-1) Pr_w(g))`.

    Example:
        >>> single_output(np.array([[8.0]]), np.array([[1.0]]), 3).round(9).tolist()
        [[48.0]]
    """
    norm = np.linalg.norm(kernel)
    projection = np.zeros_like(kernel)
    if norm > 0:
        projection = kernel * np.sum(kernel * gradient) / norm**2
    return norm ** (2 - 2 / depth) * (gradient + (depth - 1) * projection)


def mixed_rule(kernel: np.ndarray, gradient: np.ndarray, spread: float) -> np.ndarray:
    """Return the rule of wide Gaussian factors: `(K K^T + t^2)^(1/2) G + G (K^T K + t^2)^(1/2)`.

    Example:
        >>> mixed_rule(np.array([[3.0]]), np.array([[1.0]]), 4.0).round(9).tolist()
        [[10.0]]
    """
    left, left_values, right, right_values = _full_svd(kernel)
    before = (left * np.hypot(left_values, spread)) @ left.T
    after = (right * np.hypot(right_values, spread)) @ right.T
    return before @ gradient + gradient @ after


def fractional_rule(kernel: np.ndarray, gradient: np.ndarray, depth: float) -> np.ndarray:
    r"""Return the rule for any real depth, pair by pair of a full SVD.

    With `a = s^(2/N)`, `b = s'^(2/N)` a pair's factor is `(a^N - b^N) / (a - b)`; for nearly equal
    a and b, where that loses digits, it is computed by quadrature of `N (b + x (a - b))^(N-1)` over
    [0, 1].

    Example:
        >>> fractional_rule(np.diag([8.0, 1.0]), np.ones((2, 2)), 3).round(9).tolist()
        [[48.0, 21.0], [21.0, 3.0]]
    """
    left, left_values, right, right_values = _full_svd(kernel)
    nodes, weights = np.polynomial.legendre.leggauss(20)
    total = np.zeros_like(kernel)
    for u, a in zip(left.T, left_values ** (2 / depth), strict=True):
        for v, b in zip(right.T, right_values ** (2 / depth), strict=True):
            if abs(a - b) > 0.1 * max(a, b):
                factor = (a**depth - b**depth) / (a - b)
            else:
                factor = depth * weights / 2 @ (b + (nodes + 1) / 2 * (a - b)) ** (depth - 1)
            total += factor * (u @ gradient @ v) * np.outer(u, v)
    return total


def balanced_factors(kernel: np.ndarray, depth: int) -> list[np.ndarray]:
    """Return `depth` balanced factors of a kernel: `U S^(1/N)`, `S^(1/N)`, ..., `S^(1/N) V^T`.

    Example:
        >>> [factor.round(9).item() for factor in balanced_factors(np.array([[8.0]]), 3)]
        [2.0, 2.0, 2.0]
    """
    left, values, right, _ = _full_svd(kernel)
    width = min(kernel.shape)
    factors = [np.diag(values[:width] ** (1 / depth)) for _ in range(depth)]
    factors[0] = left[:, :width] @ factors[0]
    factors[-1] = factors[-1] @ right[:, :width].T
    return factors


def product(factors: list[np.ndarray]) -> np.ndarray:
    """Return the end-to-end kernel `F_1 F_2 ... F_N`.

    Example:
        >>> product([np.array([[2.0]]), np.array([[3.0]])]).item()
        6.0
    """
    return factors[0] if len(factors) == 1 else np.linalg.multi_dot(factors)


def descend(
    factors: list[np.ndarray], gradient: np.ndarray, learning_rate: float, weight_decay: float = 0.0
) -> list[np.ndarray]:
    """Return the factors after one step of gradient descent.

    `F_j <- (1 - eta lambda) F_j - eta (F_1 ... F_{j-1})^T G (F_{j+1} ... F_N)^T`

    Args:
        factors: The factors F_1, ..., F_N.
        gradient: G = dL/dK at their product.
        learning_rate: eta.
        weight_decay: lambda; default 0.

    Example:
        >>> factors = [np.array([[2.0]]), np.array([[3.0]])]
        >>> [factor.item() for factor in descend(factors, np.array([[1.0]]), learning_rate=0.5)]
        [0.5, 2.0]
    """
    inputs, outputs = gradient.shape
    moved = []
    for j, factor in enumerate(factors):
        before = product([np.eye(inputs), *factors[:j]])
        after = product([*factors[j + 1 :], np.eye(outputs)])
        decayed = (1 - learning_rate * weight_decay) * factor
        moved.append(decayed - learning_rate * before.T @ gradient @ after.T)
    return moved


def one_step_limit(kernel: np.ndarray, gradient: np.ndarray, depth: int) -> np.ndarray:
    """Return the rule as the limit of one real step on balanced factors.

    The limit is that of `(K - K(eta)) / eta` for `eta -> 0`. `K(eta)` is a polynomial of degree N,
    so that the quotient is one of degree N - 1: its values at N or more rates give the limit
    exactly, by Lagrange's formula at 0 (Chebyshev points of both signs, none of them 0).

    Example:
        >>> one_step_limit(np.array([[8.0]]), np.array([[1.0]]), 3).round(9).tolist()
        [[48.0]]
    """
    factors = balanced_factors(kernel, depth)
    count = depth + depth % 2
    # Steps that move a factor by about its own size keep cancellation away.
    size = (np.linalg.norm(kernel) or 1.0) ** (2 / depth - 1) / np.linalg.norm(gradient)
    rates = size * np.cos((2 * np.arange(count) + 1) * np.pi / (2 * count))
    limit = np.zeros_like(kernel)
    for i, rate in enumerate(rates):
        others = np.delete(rates, i)
        quotient = (kernel - product(descend(factors, gradient, rate))) / rate
        limit += np.prod(others / (others - rate)) * quotient
    return limit


def _full_svd(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the complete left and right bases as columns, each followed by its singular values.

    Singular values that are rounding noise are set to 0.
    """
    left, values, right = np.linalg.svd(kernel, full_matrices=True)
    values = np.where(
        values > max(kernel.shape) * np.finfo("float64").eps * values.max(), values, 0.0
    )
    left_values, right_values = (np.pad(values, (0, size - len(values))) for size in kernel.shape)
    return left, left_values, right.T, right_values
