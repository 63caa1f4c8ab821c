r"""The Hessian of an l_p loss in the factors of a predictor with one output, and its sharpness.

Gradient descent at the rate eta contracts along an eigenvector of the Hessian only while its
eigenvalue is below 2 / eta, so that the largest eigenvalue, the sharpness, decides which rates are
stable. For balanced factors J J^T = |K|^(2-2/N) (I + (N-1) Pr_K), the preconditioner of Claim 1:
the first term of `hessian` grows with the effective learning rate |K|^(2-2/N), even where the loss
as a function of K gets flatter. The second term is small near a minimum.

All is computed in float64. The d + N - 1 parameters are few, so that LAPACK has all eigenvalues in
a few milliseconds; larger models need Lanczos iterations on Hessian-vector products instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from overparam_tf.checks import even_exponent, list_of, real_matrix, real_number
from overparam_tf.errors import InputError, input_error


class Sharpness(NamedTuple):
    """The sharpness of a loss at some factors, see `sharpness`.

    Attributes:
        value: The largest eigenvalue of the Hessian in the factors.
        direction: Its unit eigenvector, shape (d + N - 1,).
        curvature: The largest eigenvalue of the Hessian in the kernel.
    """

    value: float
    direction: np.ndarray
    curvature: float


def sharpness(factors: Sequence[np.ndarray], x: np.ndarray, y: np.ndarray, p: int) -> Sharpness:
    r"""Return the largest eigenvalue of the Hessian in the factors, and of that in the kernel.

    $$\lambda_{\max}(H), \qquad \lambda_{\max}(L''(K))$$

    Args:
        factors: F_1 of shape (d, 1), then N-1 factors of shape (1, 1).
        x: Inputs, shape (n, d).
        y: Labels, shape (n, 1).
        p: Even exponent of the loss, >= 2.

    Returns:
        `Sharpness(value, direction, curvature)`. All are NaN where factors are NaN or infinite, or
        the Hessian overflows, as after a divergence.

    Raises:
        InputError: If shapes do not fit, x or y is not finite, or p is no even exponent.

    Example:
        At depth 1 the two are the same, and `mean(x^2)` for p = 2.

        >>> x, y = np.array([[1.0], [3.0]]), np.zeros((2, 1))
        >>> result = sharpness([np.array([[2.0]])], x, y, p=2)
        >>> round(result.value, 12), round(result.curvature, 12)
        (5.0, 5.0)
    """
    with np.errstate(over="ignore", invalid="ignore"):
        in_factors, in_kernel = hessian(factors, x, y, p)
    if not np.isfinite(in_factors).all():
        return Sharpness(np.nan, np.full(len(in_factors), np.nan), np.nan)
    values, vectors = np.linalg.eigh(in_factors)
    curvatures = np.linalg.eigvalsh(in_kernel)
    return Sharpness(float(values.max()), vectors[:, values.argmax()], float(curvatures.max()))


def hessian(
    factors: Sequence[np.ndarray], x: np.ndarray, y: np.ndarray, p: int
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the Hessians of an l_p loss in the entries of the factors, and in the kernel.

    With the kernel `K = F_1 s_2 ... s_N` (F_1 a column, the other factors numbers), all entries
    theta of the factors, the loss `L(K) = mean((x K - y)^p) / p` and `J = dK/dtheta`, the chain
    rule gives

    $$H = J^\top L''(K) \, J + \sum_i \frac{\partial L}{\partial K_i} \,
      \frac{\partial^2 K_i}{\partial\theta^2}$$

    Args:
        factors: F_1 of shape (d, 1), then N-1 factors of shape (1, 1). NaN and infinity are let
            through.
        x: Inputs, shape (n, d).
        y: Labels, shape (n, 1).
        p: Even exponent of the loss, >= 2.

    Returns:
        H of shape (d + N - 1, d + N - 1), factors in their order, and L''(K) of shape (d, d).

    Raises:
        InputError: If shapes do not fit, x or y is not finite, or p is no even exponent.

    Example:
        `K = F_1 F_2 = 6` at the label 0 has `L = (F_1 F_2)^2 / 2`.

        >>> factors = [np.array([[2.0]]), np.array([[3.0]])]
        >>> hessian(factors, np.ones((1, 1)), np.zeros((1, 1)), p=2)[0]
        array([[ 9., 12.],
               [12.,  4.]])
    """
    x, y, p = real_matrix("x", x), real_matrix("y", y), even_exponent("p", p)
    column, numbers = _column_and_numbers(factors)
    d, count = len(column), len(numbers)
    if x.shape[1] != d or y.shape != (len(x), 1):
        raise input_error(
            "x of shape (n, d), y of shape (n, 1) and a first factor of shape (d, 1)",
            **{"x.shape": x.shape, "y.shape": y.shape, "d": d},
        )
    product = np.prod(numbers)
    error = x @ (column * product) - y[:, 0]
    gradient = x.T @ error ** (p - 1) / len(x)  # dL/dK
    in_kernel = _kernel_hessian(error, x, p)
    jacobian = np.column_stack(
        [product * np.eye(d), *(column * _product_without(numbers, j) for j in range(count))]
    )
    in_factors = jacobian.T @ in_kernel @ jacobian
    # d^2 K / dF_1 ds_j is the product of the other numbers times I, d^2 K / ds_j ds_k the product
    # of the other numbers times F_1; all other second derivatives are 0.
    for j in range(count):
        across = gradient * _product_without(numbers, j)
        in_factors[:d, d + j] += across
        in_factors[d + j, :d] += across
        for k in range(count):
            if k != j:
                in_factors[d + j, d + k] += gradient @ column * _product_without(numbers, j, k)
    return in_factors, in_kernel


def kernel_hessian(error: np.ndarray, x: np.ndarray, p: int) -> np.ndarray:
    r"""Return the Hessian of an l_p loss in the kernel.

    $$L''(K) = (p - 1) \, \mathrm{mean}(e^{p-2} \, x x^\top)$$

    Args:
        error: Errors `e = x K - y`, shape (n,).
        x: Inputs, shape (n, d).
        p: Even exponent of the loss, >= 2.

    Returns:
        L''(K), shape (d, d).

    Raises:
        InputError: If shapes do not fit, a number is not finite, or p is no even exponent.

    Example:
        >>> kernel_hessian(np.array([2.0]), np.array([[1.0, 3.0]]), p=4)
        array([[ 12.,  36.],
               [ 36., 108.]])
    """
    x, p = real_matrix("x", x), even_exponent("p", p)
    error = np.array(list_of("error", error, real_number))
    if len(error) != len(x):
        raise input_error(
            "an entry of error for each row of x",
            **{"error.shape": error.shape, "x.shape": x.shape},
        )
    return _kernel_hessian(error, x, p)


def _kernel_hessian(error: np.ndarray, x: np.ndarray, p: int) -> np.ndarray:
    return (p - 1) / len(x) * (x * error[:, None] ** (p - 2)).T @ x


def _column_and_numbers(factors: Sequence[np.ndarray]) -> tuple[np.ndarray, list[float]]:
    """Return the entries of F_1, shape (d,), and the other factors as numbers."""
    expected = "a column (d, 1) and then matrices (1, 1) for factors"
    try:
        first, *others = [np.array(factor, np.float64) for factor in factors]
    except (TypeError, ValueError):
        raise input_error(expected, factors=factors) from None
    shapes = [first.shape, *(factor.shape for factor in others)]
    is_column = first.ndim == 2 and first.size > 0 and first.shape[1] == 1
    if not is_column or any(factor.shape != (1, 1) for factor in others):
        raise InputError(f"Expected {expected}. Received: shapes={shapes}")
    return first[:, 0], [float(factor[0, 0]) for factor in others]


def _product_without(numbers: Sequence[float], *left_out: int) -> float:
    return float(np.prod([number for j, number in enumerate(numbers) if j not in left_out]))
