"""Generated regressions of a chosen condition number, tail of the label, and alignment."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from overparam_tf.checks import real_matrix, real_number, whole_number
from overparam_tf.datasets.sizes import check_sizes
from overparam_tf.errors import input_error

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
    r"""Generate a standardised regression of exactly the difficulty that four numbers set.

    Label. With g_1 < .. < g_n the normal quantiles of (i - 1/2) / n, the label is a random order of

        z_i = sign(g_i) |g_i|^s / (mean |g|^(2s))^(1/2),    mean z = 0,  mean z^2 = 1,

    with s >= 0 solving mean z^4 = kurtosis: s = 0 is a fair coin (1), s = 1 is normal (3), larger s
    has heavier tails.

    Spectrum. x^T x / n = V diag(lambda) V^T, V random orthogonal, log-linear from end to end and of
    trace d, as if the columns were z-scored:

        lambda_i  proportional to  condition^(-(i-1)/(d-1)),    sum of lambda_i = d.

    Alignment. The least-squares fit explains the share `explained` of the label's variance, a_i^2
    of it along principal direction i. The m = ceil(d/4) leading directions have
    a_i^2 = explained * alignment / m each, the others explained * (1 - alignment) / (d - m) each;
    signs are random. alignment = m/d treats all alike.

    With Q random columns, orthonormal (q^T q = n) and orthogonal to z and to the ones, the
    principal scores

        U = z a^T + Q (I - a a^T)^(1/2),    so that  U^T U = n I  and  U^T z = n a  exactly,

    give x = U diag(lambda)^(1/2) V^T. All columns have mean 0. Rows with a large label have large
    scores as well.

    Args:
        rows: Number of rows n, at least features + 2; default 256.
        features: Number of columns d, at least 2; default 16.
        condition: lambda_1 / lambda_d of x^T x / n, from 1 to 1e12; default 100.
        kurtosis: mean z^4 of the label, from n/(n-1) to 0.45 n; default 3.
        alignment: Share of the explained variance along the leading quarter of the directions, from
            0 to 1; default 0.5.
        explained: Share of the label's variance that the best linear predictor explains, from 0 to
            1; default 0.9.
        seed: Seed of NumPy's default generator; default 0. Equal seeds give equal data, up to the
            rounding of the linear algebra library.

    Returns:
        x of shape (rows, features) and y of shape (rows, 1).

    Raises:
        InputError: If an argument is out of its range.

    Example:
        >>> x, y = synthetic_regression(condition=1e4, kurtosis=8, explained=0.5)
        >>> spectrum = np.linalg.eigvalsh(x.T @ x)
        >>> round(float(spectrum[-1] / spectrum[0]), 6), round(float(np.mean(y**4)), 6)
        (10000.0, 8.0)
        >>> residual = y - x @ np.linalg.lstsq(x, y)[0]
        >>> round(float(np.mean(residual**2)), 6)
        0.5
    """
    rows, features = check_sizes(rows, features)
    condition = real_number("condition", condition, least=1, most=1e12)
    kurtosis = real_number("kurtosis", kurtosis, least=rows / (rows - 1), most=0.45 * rows)
    alignment = real_number("alignment", alignment, least=0, most=1)
    explained = real_number("explained", explained, least=0, most=1)
    seed = whole_number("seed", seed)
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

    spectrum = condition ** -np.linspace(0.0, 1.0, features)
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
    """Return the four numbers that set the difficulty in `synthetic_regression`, of any problem.

    Args:
        x: Features of mean 0, shape (n, d). Directions in which they do not vary are left out.
        y: Target of mean 0, shape (n, 1).

    Returns:
        condition, kurtosis, alignment and explained, by these names. The principal directions are
        those of x^T x.

    Raises:
        InputError: If x or y is no matrix of finite numbers or all zeros, or y has not one entry
            for each row.

    Example:
        >>> numbers = {"condition": 1e3, "kurtosis": 5.0, "alignment": 0.8, "explained": 0.7}
        >>> measured = measure_regression(*synthetic_regression(**numbers))
        >>> {name: round(value, 6) for name, value in measured.items()} == numbers
        True
    """
    x, y = real_matrix("x", x), real_matrix("y", y)
    if y.shape != (len(x), 1):
        raise input_error("y of shape (n, 1)", **{"x.shape": x.shape, "y.shape": y.shape})
    if not (x.any() and y.any()):
        raise input_error("x and y other than zeros", x=x, y=y)
    # Their sizes change none of the numbers; their squares may leave float64.
    x, y = x / np.abs(x).max(), y / np.abs(y).max()
    left, singular, _ = np.linalg.svd(x, full_matrices=False)
    kept = singular > singular[0] * max(x.shape) * np.finfo(np.float64).eps
    left, singular = left[:, kept], singular[kept]
    share = (left.T @ y[:, 0]) ** 2 / np.sum(y**2)
    explained, leading = share.sum(), share[: leading_directions(x.shape[1])]
    return {
        "condition": float((singular[0] / singular[-1]) ** 2),
        "kurtosis": float(np.mean(y**4) / np.mean(y**2) ** 2),
        "alignment": float(leading.sum() / explained) if explained else 0.0,
        "explained": float(explained),
    }


def _label(rows: int, kurtosis: float) -> np.ndarray:
    """Return the standardised label in increasing order, shape (rows,)."""
    g = np.array([NormalDist().inv_cdf((i + 0.5) / rows) for i in range(rows)])
    g = (g - g[::-1]) / (2 * g.max())  # symmetric to the last bit, within [-1, 1]

    def label(s: float) -> np.ndarray:
        z = np.sign(g) * np.abs(g) ** s
        return z / np.sqrt(np.mean(z**2))

    low, high = 0.0, 1.0
    while np.mean(label(high) ** 4) < kurtosis:
        low, high = high, 2 * high
    # The kurtosis grows with s: bisection, to the last bit of s.
    middle = (low + high) / 2
    while low < middle < high:
        if np.mean(label(middle) ** 4) < kurtosis:
            low = middle
        else:
            high = middle
        middle = (low + high) / 2
    return label(high)
