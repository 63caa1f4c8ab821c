from decimal import Decimal, localcontext

import numpy as np
import pytest

from overparam_tf.dynamics import pair_eigenvalues


def exact(s, t, depth):
    """Return `(s^2 - t^2) / (s^(2/N) - t^(2/N))`, computed with 60 digits."""
    with localcontext(prec=60):
        s, t, power = Decimal(s), Decimal(t), 2 / Decimal(depth)
        a, b = s**power, t**power
        return float(
            Decimal(depth) * a ** (Decimal(depth) - 1) if a == b else (s * s - t * t) / (a - b)
        )


@pytest.mark.parametrize("depth", [1.0, 1.25, 2.0, 3.0, 7.3, 100.0])
@pytest.mark.parametrize("gap", [0.0, 2**-52, 1e-12, 1e-8, 1e-4, 0.1, 0.9, 0.999999])
@pytest.mark.parametrize("size", [1e-8, 1.7])
def test_pairs_keep_their_digits(depth, gap, size):
    other = size * (1 - gap)
    actual = np.asarray(pair_eigenvalues(np.array([size]), np.array([other]), depth)).item()
    np.testing.assert_allclose(actual, exact(size, other, depth), rtol=1e-13)


@pytest.mark.parametrize(("depth", "expected"), [(1, [1, 1]), (2, [3, 0]), (4, [3**1.5, 0])])
def test_pairs_with_the_null_space(depth, expected):
    np.testing.assert_allclose(
        pair_eigenvalues(np.array([3.0, 0.0]), np.zeros(1), depth)[:, 0], expected
    )
