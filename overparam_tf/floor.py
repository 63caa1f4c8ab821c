"""The lowest loss that any linear predictor reaches, with a bound on its error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from overparam_tf.checks import boolean, even_exponent, real_matrix, real_number
from overparam_tf.datasets.observations import observed_labels
from overparam_tf.errors import InputError, input_error

MAX_ITERATIONS = 200
# The share of the tolerance at which the iteration ends.
_MARGIN = 0.01
# Targets that can be fitted exactly have floor 0, of which no gap is a small share: a gap below
# this share of the loss at zero predictions is accepted, too.
_NEGLIGIBLE = 1e-16


@dataclass(frozen=True)
class ConvexFloor:
    """A minimum of the convex problem with its certificate.

    Attributes:
        loss: The lowest loss reached, an upper bound of the minimum.
        gap: The duality gap: the minimum is at least `loss - gap`.
        kernel: The minimiser, shape (d, k).
        bias: Its bias, shape (k,); zeros without a bias.
    """

    loss: float
    gap: float
    kernel: np.ndarray
    bias: np.ndarray


class _Minimum(NamedTuple):
    """The point with the smallest gap so far, of one output."""

    point: np.ndarray
    loss: float
    gap: float


def convex_floor(
    x: np.ndarray,
    y: np.ndarray,
    p: int = 4,
    *,
    scale: bool = True,
    use_bias: bool = False,
    tolerance: float = 1e-8,
    unobserved: Any = False,
) -> ConvexFloor:
    r"""Minimise the l_p loss of a linear predictor over its kernel and bias, in float64.

        min over K and b of  c mean(|x K + b - y|^p),    c = 1/p if `scale` else 1

    Newton's method with a line search takes its steps as weighted least-squares problems, which
    keep the condition number of x where the Hessian would square it. The result is certified by
    Fenchel duality: with f(e) = c mean(e^p) and any u with x^T u = 0,

        min_K f(x K - y)  >=  -<u, y> - f*(u),
        f*(u) = (c p / (n q)) sum |n u / (c p)|^q,   1/p + 1/q = 1.

    At the minimiser u = f'(e) attains equality; near it, u is that gradient projected onto the null
    space of x^T.

    Args:
        x: Inputs, shape (n, d).
        y: Targets, shape (n, k). The outputs are independent problems; the loss is their mean.
        p: Even exponent, >= 2; default 4.
        scale: Whether to divide by p, as the paper does; default True.
        use_bias: Whether to minimise over a bias too; default False.
        tolerance: Largest relative duality gap accepted; default 1e-8.
        unobserved: True if NaN in y means that a label is not observed, or a mask of y's shape that
            is True there; the loss is then the mean over the observed ones. Default False. Outputs
            with no more observed labels than features (matrix completion) are fitted exactly by
            many kernels: they add 0 to the floor, and what a run makes of the others is not its
            subject. Of those kernels the smallest is returned.

    Returns:
        A `ConvexFloor`.

    Raises:
        InputError: If an argument is unusable, or the gap stays above the tolerance because the
            data are too ill-conditioned for float64.

    Example:
        The minimiser is the mean, 1: (1 + 1 + 1 + 9) / 4 / 2.

        >>> x = np.ones((4, 1))
        >>> y = np.array([[0.0], [0.0], [0.0], [4.0]])
        >>> round(convex_floor(x, y, p=2).loss, 12)
        1.5
    """
    x, p = real_matrix("x", x), even_exponent("p", p)
    y, mask, _ = observed_labels(y, unobserved)
    observed = ~np.broadcast_to(mask, y.shape)
    tolerance = real_number("tolerance", tolerance, least=0)
    if len(x) != len(y):
        raise input_error("as many rows in x as in y", **{"x.shape": x.shape, "y.shape": y.shape})
    constant = 1 / p if boolean("scale", scale) else 1.0
    use_bias = boolean("use_bias", use_bias)
    columns = np.hstack([x, np.ones((len(x), 1))]) if use_bias else x
    try:
        with np.errstate(all="ignore"):  # numbers too large or small show in the gap
            minima = _minima(columns, y, observed, p, constant, tolerance)
            negligible = _NEGLIGIBLE * constant * np.mean(y[observed] ** p)
    except np.linalg.LinAlgError as error:
        raise InputError(
            f"Expected data whose floor float64 can hold; scale the columns. Received: {error}"
        ) from None
    # The mean over all observed labels: outputs count by how many they have.
    shares = np.mean(observed, axis=0) / np.mean(observed)
    loss = float(np.mean(shares * [minimum.loss for minimum in minima]))
    gap = float(np.mean(shares * [minimum.gap for minimum in minima]))
    if not gap <= max(tolerance * loss, negligible):
        raise InputError(
            f"Expected a duality gap of at most {tolerance:.0e} of the floor. "
            f"Received: {gap:.1e} at loss {loss:.6g}; the data are too ill-conditioned for "
            "float64: raise `tolerance`, or scale the columns alike"
        )
    kernel = np.stack([minimum.point for minimum in minima], axis=1)
    if use_bias:
        return ConvexFloor(loss, gap, kernel[:-1], kernel[-1])
    return ConvexFloor(loss, gap, kernel, np.zeros(y.shape[1]))


def _minima(
    columns: np.ndarray,
    y: np.ndarray,
    observed: np.ndarray,
    p: int,
    constant: float,
    tolerance: float,
) -> list[_Minimum]:
    """Return the minimum of each output over its observed rows, in coefficients of the columns."""
    minima: list[_Minimum] = []
    basis, to_kernel, rows = columns, columns, None
    for target, of_output in zip(y.T, observed.T, strict=True):
        if not of_output.any():
            minima.append(_Minimum(np.zeros(columns.shape[1]), 0.0, 0.0))
            continue
        if rows is None or (rows != of_output).any():
            basis, to_kernel = _orthonormal_range(columns[of_output])
            rows = of_output
        minimum = _minimise(basis, target[of_output], p, constant, tolerance)
        minima.append(minimum._replace(point=to_kernel @ minimum.point))
    return minima


def _orthonormal_range(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an orthonormal basis of the range of a matrix, and the map back to its columns.

    In this basis the residuals, and with them the losses, are the same, and every system is well
    scaled.

    Args:
        columns: Matrix of shape (n, d) and rank r.

    Returns:
        The basis, shape (n, r), and the matrix (d, r) from coordinates in it to coefficients of the
        columns.
    """
    orthonormal, triangle = np.linalg.qr(columns)
    left, singular, right = np.linalg.svd(triangle, full_matrices=False)
    kept = singular > singular[0] * max(columns.shape) * np.finfo(np.float64).eps
    return orthonormal @ left[:, kept], right[kept].T / singular[kept]


def _minimise(
    basis: np.ndarray, y: np.ndarray, p: int, constant: float, tolerance: float
) -> _Minimum:
    """Return the minimum of one output by Newton's method, in coordinates of the basis."""
    point = basis.T @ y  # least squares: exact for p = 2
    best = _Minimum(point, *_loss_and_gap(basis, basis @ point - y, y, p, constant))
    for _ in range(MAX_ITERATIONS):
        if best.gap <= _MARGIN * tolerance * best.loss:
            break
        error = basis @ point - y
        # Newton: minimise sum e^(p-2) ((p-1) (basis s) + e)^2, least squares weighted by
        # e^((p-2)/2).
        weight = np.abs(error) ** ((p - 2) / 2)
        step = np.linalg.lstsq((p - 1) * weight[:, None] * basis, -weight * error, rcond=None)[0]
        # Near a minimum without weight the full step only shrinks the error by (p-2)/(p-1): try
        # longer ones too.
        lengths = 2.0 ** np.arange(3, -30, -1)
        losses = [constant * np.mean((error + length * (basis @ step)) ** p) for length in lengths]
        point = point + lengths[np.argmin(losses)] * step
        loss, gap = _loss_and_gap(basis, basis @ point - y, y, p, constant)
        if gap < best.gap:
            best = _Minimum(point, loss, gap)
    return best


def _loss_and_gap(
    basis: np.ndarray, error: np.ndarray, y: np.ndarray, p: int, constant: float
) -> tuple[float, float]:
    """Return the loss at some errors, and the duality gap of their gradient made orthogonal."""
    n, q = len(y), p / (p - 1)
    loss = constant * np.mean(error**p)
    dual = constant * p / n * error ** (p - 1)
    dual -= basis @ (basis.T @ dual)
    conjugate = constant * p / (n * q) * np.sum(np.abs(n * dual / (constant * p)) ** q)
    return float(loss), float(loss + dual @ y + conjugate)
