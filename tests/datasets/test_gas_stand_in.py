import numpy as np
import pytest

from overparam_tf.datasets import load, synthetic_gas
from overparam_tf.errors import InputError


def l4_floor(x, y):
    """Return the minimum of mean e^4 / 4, by damped Newton steps in float64."""
    kernel = np.linalg.lstsq(x, y, rcond=None)[0]
    for _ in range(20):
        error = x @ kernel - y
        gradient = x.T @ error**3
        step = np.linalg.lstsq(3 * (x * error**2).T @ x, gradient, rcond=1e-18)[0]
        losses = [np.mean((x @ (kernel - t * step) - y) ** 4) / 4 for t in 0.5 ** np.arange(8)]
        kernel = kernel - 0.5 ** np.argmin(losses) * step
    assert losses[0] - min(losses) < 1e-9
    return min(losses)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_is_as_hard_as_the_measured_problem(seed):
    """Ethanol data: cond 5.04e9, E z^4 5.570 (so 1.3925 at kernel 0), least squares R^2 0.900."""
    p = load("synthetic", seed=seed)
    assert (p.rows, p.features, p.outputs) == (2565, 128, 1)
    assert 5e8 < np.linalg.cond(p.x) ** 2 < 5e10
    assert abs(np.mean(p.y**4) - 5.57) < 0.05
    residual = p.y - p.x @ np.linalg.lstsq(p.x, p.y, rcond=None)[0]
    assert abs(np.mean(residual**2) - 0.1) < 0.03


@pytest.mark.parametrize("seed", [0, 3])
def test_the_convex_floor_of_the_l4_loss_is_near_the_measured_one(seed):
    """That of the real ethanol data is 0.05535."""
    p = load("synthetic", seed=seed)
    assert 0.04 < l4_floor(p.x, p.y) < 0.08


def test_principal_scores_have_the_documented_spectrum_and_alignment():
    """The columns are centred, and x^T x / n has exactly the eigenvalues of the docstring."""
    x, _ = synthetic_gas(500, 20, seed=4)
    t = np.arange(20) / 19
    measured = np.linalg.svd(x, compute_uv=False) ** 2 / 500
    np.testing.assert_allclose(np.log10(measured), -6.5 * t**0.55 - 3.2 * t**64, atol=1e-6)
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-12)


def test_equal_seeds_give_equal_data_and_other_seeds_other_data():
    one, same, other = (synthetic_gas(200, 10, seed)[0] for seed in (7, 7, 8))
    assert (one == same).all() and not np.isclose(one, other).any()


@pytest.mark.parametrize(("rows", "features"), [(4, 2), (130, 128), (2565, 128)])
def test_sizes(rows, features):
    x, y = synthetic_gas(rows, features)
    assert x.shape == (rows, features) and y.shape == (rows, 1)
    assert np.isfinite(x).all() and np.ptp(y) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((129, 128), "rows >= features \\+ 2. Received: rows=129, features=128"),
        ((10, 1), "an integer >= 2 for features. Received: features=1"),
        ((10, 2, -1), "an integer >= 0 for seed. Received: seed=-1"),
        ((10, 2, None), "an integer >= 0 for seed. Received: seed=None"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(InputError, match=message):
        synthetic_gas(*arguments)
