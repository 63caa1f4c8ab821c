"""The lowest loss that any linear predictor reaches: what is left to gain, and a bound on how well it is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from overparam_tf.errors import InputError


@dataclass(frozen=True)
class ConvexFloor:
    """A minimum of the convex problem with its certificate.

    Attributes:
        loss: the lowest loss found (an upper bound of the minimum).
        gap: duality gap: the minimum is at least `loss - gap`.
        kernel: the minimiser, shape (d, k).
        bias: its bias, shape (k,); zeros without a bias.
    """

    loss: float
    gap: float
    kernel: np.ndarray
    bias: np.ndarray


def convex_floor(
    x: np.ndarray,
    y: np.ndarray,
    p: int = 4,
    *,
    scale: bool = True,
    use_bias: bool = False,
    tolerance: float = 1e-8,
) -> ConvexFloor:
    r"""Minimises c mean(|x K + b - y|^p) over K and b in float64, c = 1/p if `scale` else 1.

    Newton's method with a line search, its steps taken as weighted least-squares problems, which keep the
    condition number of x where the Hessian would square it. The outcome is certified by Fenchel duality: with
    f(e) = c mean(e^p) and any u with x^T u = 0,

        min_K f(x K - y)  >=  -<u, y> - f*(u),    f*(u) = (c p / (n q)) sum |n u / (c p)|^q,   1/p + 1/q = 1.

    At the minimiser u = f'(e) attains equality; near it, u is that gradient projected onto the null space of x^T.

    Args:
        x: inputs, shape (n, d).
        y: targets, shape (n, k). The outputs are independent problems; the loss is their mean.
        p: even, >= 2.
        scale: divide by p, as the paper does.
        use_bias: minimise over a bias too.
        tolerance: largest relative duality gap accepted.

    Raises:
        InputError: if p is not even, or the gap stays above the tolerance (data too ill-conditioned for float64).

    Example:
        >>> x = np.ones((4, 1))
        >>> y = np.array([[0.0], [0.0], [0.0], [4.0]])
        >>> round(convex_floor(x, y, p=2).loss, 12)  # the mean, 1: (1 + 1 + 1 + 9) / 4 / 2
        1.5
    """
    if isinstance(p, bool) or p != int(p) or p < 2 or p % 2:
        raise InputError(f"Expected an even p >= 2. Received: p={p!r}")
    x = np.asarray(x, np.float64)
    y = np.asarray(y, np.float64)
    columns = np.hstack([x, np.ones((len(x), 1))]) if use_bias else x
    # An orthonormal basis of the range: residuals, and so losses, are the same, and every system is well scaled.
    orthonormal, triangle = np.linalg.qr(columns)
    left, singular, right = np.linalg.svd(triangle, full_matrices=False)
    kept = singular > singular[0] * max(columns.shape) * np.finfo(np.float64).eps
    basis, singular, right = orthonormal @ left[:, kept], singular[kept], right[kept]
    constant = 1 / p if scale else 1.0
    solutions = [_minimise(basis, target, int(p), constant, tolerance) for target in y.T]
    loss, gap = (
        float(np.mean(values))
        for values in zip(*[(loss, gap) for _, loss, gap in solutions], strict=True)
    )
    # Targets that can be fitted exactly have floor 0, of which no share can be asked for.
    negligible = 1e-16 * constant * np.mean(y**p)
    if not gap <= max(tolerance * loss, negligible):
        raise InputError(
            f"Expected a duality gap of at most {tolerance:.0e} of the floor. Received: {gap:.1e} at loss {loss:.6g}; "
            "the data is too ill-conditioned for float64: raise `tolerance`, or scale the columns alike"
        )
    kernel = right.T @ (np.stack([point for point, _, _ in solutions], axis=1) / singular[:, None])
    features = x.shape[1]
    return ConvexFloor(
        loss, gap, kernel[:features], kernel[features] if use_bias else np.zeros(y.shape[1])
    )


def _minimise(
    basis: np.ndarray,
    y: np.ndarray,
    p: int,
    constant: float,
    tolerance: float,
    iterations: int = 200,
):
    """Newton's method on one output, in coordinates of the orthonormal `basis`: (point, loss, gap)."""
    point = basis.T @ y  # least squares: exact for p = 2
    best = (point, *_loss_and_gap(basis, basis @ point - y, y, p, constant))
    for _ in range(iterations):
        if best[2] <= 0.01 * tolerance * best[1]:
            break
        error = basis @ point - y
        # Newton: minimise sum e^(p-2) ((p-1) (basis s) + e)^2, a least-squares problem weighted by e^((p-2)/2).
        weight = np.abs(error) ** ((p - 2) / 2)
        step = np.linalg.lstsq((p - 1) * weight[:, None] * basis, -weight * error, rcond=None)[0]
        # Near a minimum without weight the full step only shrinks the error by (p-2)/(p-1): try longer ones too.
        lengths = 2.0 ** np.arange(3, -30, -1)
        losses = [constant * np.mean((error + length * (basis @ step)) ** p) for length in lengths]
        point = point + lengths[np.argmin(losses)] * step
        loss, gap = _loss_and_gap(basis, basis @ point - y, y, p, constant)
        if gap < best[2]:
            best = (point, loss, gap)
    return best


def _loss_and_gap(
    basis: np.ndarray, error: np.ndarray, y: np.ndarray, p: int, constant: float
) -> tuple[float, float]:
    n, q = len(y), p / (p - 1)
    loss = constant * np.mean(error**p)
    dual = constant * p / n * error ** (p - 1)
    dual -= basis @ (basis.T @ dual)
    bound = -dual @ y - constant * p / (n * q) * np.sum(np.abs(n * dual / (constant * p)) ** q)
    return float(loss), float(loss - bound)
