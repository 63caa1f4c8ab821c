"""The stand-in for the gas sensor problem, generated with what makes that hard to train on."""

from __future__ import annotations

import numpy as np

from overparam_tf.checks import whole_number
from overparam_tf.datasets.sizes import check_sizes

# Set by hand so that the z-scored problem resembles the measured ethanol rows; see `synthetic_gas`.
OVER_RANGE_SHARE = 16 / 2565  # of the rows
OVER_RANGE_LABEL = 2.125  # in units of the sensors' range
WILD_SCATTER = 50.0  # of half of them, times i^-1/2, relative to other rows
TAME_SCATTER = 1.8  # of the other half
EXPLAINED = 0.98  # share of the readings' variance that the features explain
EXPLAINED_FIRST = 0.63  # of which the first principal direction has this much
ALIGNMENT_DECAY = 1.2
SPECTRUM_DECADES = 6.5
SPECTRUM_POWER = 0.55
CUTOFF_DECADES = 3.2
CUTOFF_POWER = 64


def synthetic_gas(
    rows: int = 2565, features: int = 128, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    r"""Generate a problem as ill-conditioned and heavy-tailed as the z-scored ethanol data.

    Labels. Concentrations are spread evenly over the sensors' range [0, 1], but for a share of
    16/2565 of the rows, which lie at 2.125 and make E z^4 = 5.6. There the sensors fail: they read
    mid-range, and in the directions i > 1 half of these rows scatter 50 / sqrt(i) times as much as
    other rows (the wild ones, which limit the stable learning rate), half 1.8 times (the tame ones,
    which are hard to fit and set the floor of an L4 loss).

    Features. With r the standardised readings (the label, mid-range where it is over-range) and Q
    random columns, orthonormal and orthogonal to r and to the ones, the principal scores are

        U = r a^T + Q (I - a a^T)^(1/2),   so that  U^T U = n I  and  U^T r = n a  exactly.

    The alignment a_i^2 sums to 0.98; the first direction has 0.63, the others fall as i^-1.2.
    Then x = U diag(lambda)^(1/2) V^T, with a random orthogonal V whose first column is flat, so
    that all columns have similar variance. The spectrum is, with t = (i - 1) / (d - 1) in [0, 1],

        log10(lambda_i) = -6.5 t^0.55 - 3.2 t^64,

    a steep start, a long slow decay, and a few almost dependent columns that bring cond(x^T x) to
    5e9.

    Args:
        rows: Number of rows n, at least features + 2; default 2565.
        features: Number of columns d, at least 2; default 128.
        seed: Seed of NumPy's default generator; default 0. Equal seeds give equal data, up to the
            rounding of the linear algebra library.

    Returns:
        x of shape (rows, features), not scaled, and y of shape (rows, 1) in units of the sensors'
        range.

    Raises:
        InputError: If a size is too small, or the seed is no integer >= 0.

    Example:
        >>> x, y = synthetic_gas()
        >>> z = (y - y.mean()) / y.std()
        >>> x.shape, y.shape, round(float(np.mean(z**4)), 1)
        ((2565, 128), (2565, 1), 5.6)
    """
    rows, features = check_sizes(rows, features)
    seed = whole_number("seed", seed)
    rng = np.random.default_rng(seed)
    direction = np.arange(1.0, features + 1.0)  # i in the docstring

    over = max(1, round(OVER_RANGE_SHARE * rows))
    in_range = np.linspace(0.0, 1.0, rows - over)
    order = rng.permutation(rows)
    label = np.append(in_range, np.full(over, OVER_RANGE_LABEL))[order]
    reading = np.append(in_range, np.full(over, 0.5))[order]
    reading = (reading - reading.mean()) / reading.std()

    scatter = rng.standard_normal((rows, features))
    over_range = np.flatnonzero(label > 1.0)
    scatter[over_range, 0] = 0.0
    scatter[over_range[::2]] *= WILD_SCATTER / np.sqrt(direction)
    scatter[over_range[1::2]] *= TAME_SCATTER
    basis, _ = np.linalg.qr(np.column_stack([np.ones(rows), reading, scatter]))
    q = basis[:, 2:] * np.sqrt(rows)

    share = direction**-ALIGNMENT_DECAY
    share[1:] *= (EXPLAINED - EXPLAINED_FIRST) / share[1:].sum()
    share[0] = EXPLAINED_FIRST
    a = np.sqrt(share) * rng.choice([-1.0, 1.0], features)
    # (I - a a^T)^(1/2), as a a^T has the one eigenvalue |a|^2 = EXPLAINED.
    root = np.eye(features) - (1.0 - np.sqrt(1.0 - EXPLAINED)) / EXPLAINED * np.outer(a, a)
    scores = np.outer(reading, a) + q @ root

    t = (direction - 1) / (features - 1)
    decades = SPECTRUM_DECADES * t**SPECTRUM_POWER + CUTOFF_DECADES * t**CUTOFF_POWER
    flat = rng.choice([-1.0, 1.0], features)
    v, _ = np.linalg.qr(np.column_stack([flat, rng.standard_normal((features, features - 1))]))
    return (scores * 10.0 ** (-decades / 2)) @ v.T, label[:, None]
