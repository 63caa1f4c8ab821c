"""Generated regression problems with a chosen condition number, label tail, and alignment of label and spectrum."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from overparam_tf.errors import InputError

LEADING_SHARE = 1 / 4  # of the principal directions, rounded up, count as leading


def synthetic_regression(
    rows: int = 256,
    features: int = 16,
    *,
    condition: float = 100.0,
    kurtosis: float = 3.0,
    alignment: float = 0.5,
    explained: float = 0.9,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Generate a standardised regression problem whose difficulty is set by four numbers, each met exactly.

    Label. With g_1 < .. < g_n the normal quantiles of (i - 1/2) / n, the label is a random order of

        z_i = sign(g_i) |g_i|^s / (mean |g|^(2s))^(1/2),    mean z = 0,  mean z^2 = 1,

    with s >= 0 solving mean z^4 = kurtosis: s = 0 is a fair coin (1), s = 1 is normal (3), larger s has heavier tails.

    Spectrum. x^T x / n = V diag(lambda) V^T, V random orthogonal, log-linear from end to end and of trace d, as if
    the columns were z-scored:

        lambda_i  proportional to  condition^(-(i-1)/(d-1)),    sum of lambda_i = d.

    Alignment. Of the label's variance the least-squares fit explains the share `explained`, a_i^2 of it along
    principal direction i. The m = ceil(d/4) leading directions have a_i^2 = explained * alignment / m each, the
    others explained * (1 - alignment) / (d - m) each; signs are random. alignment = m/d treats all alike.

    With Q random columns, orthonormal (q^T q = n) and orthogonal to z and to the ones, the principal scores

        U = z a^T + Q (I - a a^T)^(1/2),    so that  U^T U = n I  and  U^T z = n a  exactly,

    give x = U diag(lambda)^(1/2) V^T. All columns have mean 0. Rows with a large label have large scores as well.

    Args:
        rows: n, at least features + 2. Default 256.
        features: d, at least 2. Default 16.
        condition: lambda_1 / lambda_d of x^T x / n, from 1 to 1e12. Default 100.
        kurtosis: mean z^4 of the label, from n/(n-1) to 0.45 n. Default 3.
        alignment: share of the explained variance along the leading quarter of the directions, from 0 to 1.
            Default 0.5.
        explained: share of the label's variance that the best linear predictor explains, from 0 to 1. Default 0.9.
        seed: seed of NumPy's default generator. Equal seeds give equal data, up to the rounding of the linear
            algebra library.

    Returns:
        x of shape (rows, features) and y of shape (rows, 1).

    Raises:
        InputError: an argument out of its range.

    Example:
        >>> x, y = synthetic_regression(condition=1e4, kurtosis=8, explained=0.5)
        >>> residual = y - x @ np.linalg.lstsq(x, y)[0]
        >>> spectrum = np.linalg.eigvalsh(x.T @ x)
        >>> [round(float(value), 6) for value in (spectrum[-1] / spectrum[0], np.mean(y**4), np.mean(residual**2))]
        [10000.0, 8.0, 0.5]
    """
    _check(rows, features, condition, kurtosis, alignment, explained, seed)
    rng = np.random.default_rng(seed)
    z = rng.permutation(_label(rows, kurtosis))

    leading = leading_directions(features)
    share = np.full(features, explained * (1 - alignment) / (features - leading))
    share[:leading] = explained * alignment / leading
    a = np.sqrt(share) * rng.choice([-1.0, 1.0], features)
    basis, _ = np.linalg.qr(
        np.column_stack([np.ones(rows), z, rng.standard_normal((rows, features))])
    )
    q = basis[:, 2:] * np.sqrt(rows)
    # (I - a a^T)^(1/2) = I - c a a^T: a a^T has the one eigenvalue |a|^2 = explained.
    c = (1 - math.sqrt(1 - explained)) / explained if explained else 0.0
    scores = np.outer(z, a) + q - c * np.outer(q @ a, a)

    spectrum = float(condition) ** -np.linspace(0.0, 1.0, features)
    spectrum *= features / spectrum.sum()
    v, _ = np.linalg.qr(rng.standard_normal((features, features)))
    return (scores * np.sqrt(spectrum)) @ v.T, z[:, None]


def leading_directions(features: int) -> int:
    """Return how many principal directions count as leading: a quarter of them, rounded up.

    Example:
        >>> leading_directions(16), leading_directions(2)
        (4, 1)
    """
    return math.ceil(LEADING_SHARE * features)


def measure_regression(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Measure on any problem what `synthetic_regression` is told: condition, kurtosis, alignment, explained.

    Args:
        x: features of mean 0, shape (n, d), of full rank.
        y: a target of mean 0, shape (n, 1).

    Returns:
        The four numbers by their names there. The principal directions are those of x^T x.

    Example:
        >>> told = {"condition": 1e3, "kurtosis": 5.0, "alignment": 0.8, "explained": 0.7}
        >>> measured = measure_regression(*synthetic_regression(**told))
        >>> {name: round(value, 6) for name, value in measured.items()} == told
        True
    """
    left, singular, _ = np.linalg.svd(x, full_matrices=False)
    share = (left.T @ y[:, 0]) ** 2 / np.sum(y**2)
    explained = share.sum()
    return {
        "condition": float((singular[0] / singular[-1]) ** 2),
        "kurtosis": float(np.mean(y**4) / np.mean(y**2) ** 2),
        "alignment": float(share[: leading_directions(x.shape[1])].sum() / explained),
        "explained": float(explained),
    }


def _label(rows: int, kurtosis: float) -> np.ndarray:
    """The standardised label in increasing order."""
    g = np.array([NormalDist().inv_cdf((i + 0.5) / rows) for i in range(rows)])
    g = (g - g[::-1]) / (2 * g.max())  # symmetric to the last bit, within [-1, 1]

    def label(s: float) -> np.ndarray:
        z = np.sign(g) * np.abs(g) ** s
        return z / np.sqrt(np.mean(z**2))

    low, high = 0.0, 1.0
    while np.mean(label(high) ** 4) < kurtosis:
        low, high = high, 2 * high
    # Bisection, since the kurtosis grows with s: to the last bit of s.
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if np.mean(label(middle) ** 4) < kurtosis else (low, middle)
    return label(high)


def _check(rows, features, condition, kurtosis, alignment, explained, seed) -> None:
    for name, value in (("rows", rows), ("features", features), ("seed", seed)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
            raise InputError(f"{name} must be a non-negative integer. Received: {name}={value!r}")
    if features < 2 or rows < features + 2:
        raise InputError(
            f"Need features >= 2 and rows >= features + 2. Received: rows={rows}, features={features}"
        )
    ranges = {
        "condition": (condition, 1, 1e12),
        "kurtosis": (kurtosis, rows / (rows - 1), 0.45 * rows),
        "alignment": (alignment, 0, 1),
        "explained": (explained, 0, 1),
    }
    for name, (value, low, high) in ranges.items():
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float, np.number))
            or not low <= value <= high
        ):
            raise InputError(
                f"{name} must be a number from {low:g} to {high:g}. Received: {name}={value!r}"
            )
