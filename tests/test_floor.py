"""The convex floor against closed forms, other routes and the published number."""

from __future__ import annotations

import numpy as np
import pytest

from overparam_tf import InputError, convex_floor
from tests.cases import small_problem


@pytest.mark.parametrize("p", [2, 4, 6])
@pytest.mark.parametrize("use_bias", [False, True])
def test_no_direction_goes_lower(p, use_bias):
    problem = small_problem(outputs=2)
    floor = convex_floor(problem.x, problem.y + 1, p, use_bias=use_bias)
    rng = np.random.default_rng(0)

    def loss(kernel, bias):
        return np.mean((problem.x @ kernel + bias - problem.y - 1) ** p) / p

    assert np.isclose(loss(floor.kernel, floor.bias), floor.loss, rtol=1e-12)
    for scale in (1e-4, 1e-3, 1e-1):
        step, shift = (
            scale * rng.normal(size=floor.kernel.shape),
            scale * use_bias * rng.normal(size=2),
        )
        assert loss(floor.kernel + step, floor.bias + shift) > floor.loss


def test_p_2_is_least_squares():
    problem = small_problem()
    residual = np.linalg.lstsq(problem.x, problem.y, rcond=None)[1][0] / problem.rows
    assert np.isclose(convex_floor(problem.x, problem.y, 2, scale=False).loss, residual, rtol=1e-12)


@pytest.mark.parametrize("p", [2, 4])
def test_the_gap_bounds_the_error(p):
    problem = small_problem()
    exact = convex_floor(problem.x, problem.y, p)
    assert 0 <= exact.gap + 1e-15 and exact.gap <= 1e-8 * exact.loss


def test_dependent_columns_do_not_lower_the_floor():
    problem = small_problem()
    doubled = np.hstack([problem.x, problem.x[:, :3]])
    assert np.isclose(
        convex_floor(doubled, problem.y).loss, convex_floor(problem.x, problem.y).loss, rtol=1e-9
    )


def test_a_known_minimum():
    # One column of ones: p = 4 over {0, 0, 0, b}: 3 m^3 = (b - m)^3, m = b / (1 + 3^(1/3)).
    m = 4 / (1 + 3 ** (1 / 3))
    floor = convex_floor(np.ones((4, 1)), np.array([[0.0], [0], [0], [4]]), 4)
    assert np.isclose(floor.kernel[0, 0], m, rtol=1e-6)
    assert np.isclose(floor.loss, (3 * m**4 + (4 - m) ** 4) / 16, rtol=1e-10)


@pytest.mark.parametrize("p", [3, 0, -2, 2.5, True])
def test_odd_powers_are_refused(p):
    with pytest.raises(InputError, match="even whole exponent p"):
        convex_floor(np.ones((4, 1)), np.ones((4, 1)), p)


def test_targets_that_can_be_fitted_have_floor_zero():
    x = np.random.default_rng(0).normal(size=(5, 8))
    assert convex_floor(x, np.ones((5, 1)), 4).loss < 1e-30


def test_the_floor_of_the_ethanol_data(ethanol):
    assert np.isclose(convex_floor(ethanol.x, ethanol.y, 4).loss, 0.05535, atol=5e-6)
    assert np.isclose(np.mean(ethanol.y**4) / 4, 1.3925, atol=5e-5)


@pytest.mark.parametrize("p", [2, 4])
def test_the_floor_over_observed_labels_is_that_of_each_output(p):
    problem = small_problem(outputs=3)
    mask = np.random.default_rng(2).random(problem.y.shape) < 0.3
    mask[:, 2] = True  # an output without a label
    floor = convex_floor(problem.x, problem.y, p, unobserved=mask)
    parts = [
        (convex_floor(problem.x[~gone], problem.y[~gone, k : k + 1], p), np.count_nonzero(~gone))
        for k, gone in enumerate(mask.T[:2])
    ]
    expected = np.average([part.loss for part, _ in parts], weights=[count for _, count in parts])
    np.testing.assert_allclose(floor.loss, expected, rtol=1e-9)
    kernels = np.hstack([part.kernel for part, _ in parts])
    np.testing.assert_allclose(floor.kernel[:, :2], kernels, rtol=1e-6)
    assert not floor.kernel[:, 2].any()
    nearly_all = np.arange(150).reshape(50, 3) >= 9
    assert convex_floor(problem.x, problem.y, p, unobserved=nearly_all).loss < 1e-20
