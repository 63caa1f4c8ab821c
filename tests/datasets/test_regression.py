"""The four numbers of a generated problem, measured by other routes than the generator's."""

from __future__ import annotations

import numpy as np
import pytest

from overparam_tf.datasets import measure_regression, synthetic_regression
from overparam_tf.errors import InputError

CASES = [
    {"condition": 1.0, "kurtosis": 3.0, "alignment": 0.25, "explained": 0.9, "seed": 0},
    {"condition": 1e4, "kurtosis": 1.02, "alignment": 0.0, "explained": 1.0, "seed": 1},
    {"condition": 1e8, "kurtosis": 40.0, "alignment": 1.0, "explained": 0.5, "seed": 2},
    {"condition": 30.0, "kurtosis": 8.0, "alignment": 0.7, "explained": 0.0, "seed": 3},
]


@pytest.mark.parametrize("numbers", CASES)
@pytest.mark.parametrize("rows", [128, 101])
def test_condition_kurtosis_and_explained_are_those_asked_for(numbers, rows):
    x, y = synthetic_regression(rows, 12, **numbers)
    assert x.shape == (rows, 12) and y.shape == (rows, 1)
    np.testing.assert_allclose(
        [y.mean(), np.mean(y**2), np.mean(y**4)], [0, 1, numbers["kurtosis"]], atol=1e-9
    )
    assert np.linalg.cond(x) ** 2 == pytest.approx(numbers["condition"], rel=1e-6)
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-12)
    assert np.sum(x**2) / rows == pytest.approx(12)
    residual = y - x @ np.linalg.lstsq(x, y, rcond=1e-14)[0]
    assert np.mean(residual**2) == pytest.approx(1 - numbers["explained"], abs=1e-6)


@pytest.mark.parametrize("features", [2, 5, 16])
def test_alignment_is_the_share_along_the_leading_quarter(features):
    x, y = synthetic_regression(80, features, condition=500, alignment=0.8, explained=0.6, seed=5)
    values, vectors = np.linalg.eigh(x.T @ x / 80)
    along = (vectors.T @ (x.T @ y / 80))[
        :, 0
    ] ** 2 / values  # variance explained by each principal direction
    leading = np.sort(along[::-1][: -(-features // 4)])
    assert along.sum() == pytest.approx(0.6) and leading.sum() == pytest.approx(0.6 * 0.8)
    assert leading[0] == pytest.approx(leading[-1])


def test_the_spectrum_is_log_linear():
    x, _ = synthetic_regression(60, 8, condition=1e7, seed=1)
    spectrum = np.log10(np.linalg.svd(x, compute_uv=False) ** 2)
    np.testing.assert_allclose(np.diff(spectrum), -1, atol=1e-6)


def test_a_seed_gives_the_same_bits_and_another_seed_other_data():
    one, again, other = (synthetic_regression(50, 4, seed=seed) for seed in (7, 7, 8))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.allclose(one[0], other[0]) and np.allclose(
        np.sort(one[1], 0), np.sort(other[1], 0)
    )


def test_measured_data_are_measured_alike(ethanol):
    measured = measure_regression(ethanol.x, ethanol.y)
    assert measured["condition"] == pytest.approx(np.linalg.cond(ethanol.x) ** 2, rel=1e-3)
    assert measured["kurtosis"] == pytest.approx(5.570, abs=1e-3) and measured[
        "explained"
    ] == pytest.approx(0.9, 1e-3)
    assert 0.9 < measured["alignment"] < 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": 17}, "rows >= features \\+ 2. Received: rows=17, features=16"),
        ({"features": 1}, "an integer >= 2 for features. Received: features=1"),
        ({"rows": 25.5}, "an integer >= 0 for rows. Received: rows=25.5"),
        (
            {"condition": 0.9},
            ">= 1 and <= 1e\\+12 for condition. Received: condition=0.9",
        ),
        ({"kurtosis": 1.0}, ">= 1.00392 and <= 115.2 for kurtosis. Received: kurtosis=1.0"),
        ({"kurtosis": 120}, ">= 1.00392 and <= 115.2 for kurtosis. Received: kurtosis=120"),
        ({"alignment": 1.1}, ">= 0 and <= 1 for alignment. Received: alignment=1.1"),
        (
            {"explained": float("nan")},
            ">= 0 and <= 1 for explained. Received: explained=nan",
        ),
        ({"seed": -1}, "an integer >= 0 for seed. Received: seed=-1"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(InputError, match=message):
        synthetic_regression(**arguments)
