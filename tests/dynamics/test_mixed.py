"""The rule of wide Gaussian factors against brute force, and against such factors."""

import numpy as np
import pytest

from overparam_tf.dynamics import dense_reference as reference
from overparam_tf.dynamics import end_to_end_update, mixed_update
from tests.dynamics.cases import KERNELS, gradient_for, largest_gap


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("spread", [0.0, 0.01, 3.0])
def test_both_routes_are_brute_force(name, spread):
    kernel, gradient = KERNELS[name], gradient_for(KERNELS[name])
    exact = reference.mixed_rule(kernel, gradient, spread)
    for method in ("svd", "products", "auto"):
        assert largest_gap(mixed_update(kernel, gradient, spread, method=method), exact) < 1e-12
    single = mixed_update(kernel.astype("float32"), gradient.astype("float32"), spread)
    assert largest_gap(single, exact) < 3e-6


def test_the_two_ends_of_the_knob():
    kernel, gradient = KERNELS["tall"], gradient_for(KERNELS["tall"])
    depth_two = end_to_end_update(kernel, gradient, 2)
    assert largest_gap(mixed_update(kernel, gradient, 0), depth_two) < 1e-13
    assert largest_gap(mixed_update(kernel, gradient, 1e6), 2e6 * gradient) < 1e-11


def test_a_stack_has_a_spread_for_each_kernel():
    kernels, gradients = np.random.default_rng(0).normal(size=(2, 3, 4, 2))
    spreads = np.array([0.0, 0.5, 2.0])
    actual = mixed_update(kernels, gradients, spreads.reshape(3, 1, 1))
    alone = [reference.mixed_rule(*one) for one in zip(kernels, gradients, spreads, strict=True)]
    assert largest_gap(actual, np.array(alone)) < 1e-12


@pytest.mark.parametrize("power", [2, 4])
def test_wide_gaussian_factors_follow_it_and_not_theorem_one(power):
    # The prototype's problem: a target of rank 3, 1,000 steps to half of a long way.
    rng, width, spread, rate = np.random.default_rng(0), 300, 0.1, 0.05 if power == 2 else 0.01
    x = rng.normal(size=(100, 8)) * np.logspace(0, -1, 8)
    y = x @ rng.normal(size=(8, 3)) @ rng.normal(size=(3, 3))
    factors = [
        rng.normal(size=(8, width)) * np.sqrt(spread / width),
        rng.normal(size=(width, 3)) * np.sqrt(spread / width),
    ]

    def loss_and_gradient(kernel):
        error = x @ kernel - y
        return np.mean(error**power) / power, x.T @ error ** (power - 1) / error.size

    kernels, curves = [reference.product(factors)] * 2, []
    for _ in range(1000):
        real, gradient = loss_and_gradient(reference.product(factors))
        factors = reference.descend(factors, gradient, rate)
        losses = [real]
        for index, (rule, argument) in enumerate(
            ((reference.literal_sum, 2), (reference.mixed_rule, spread))
        ):
            loss, gradient = loss_and_gradient(kernels[index])
            kernels[index] = kernels[index] - rate * rule(kernels[index], gradient, argument)
            losses.append(loss)
        curves.append(losses)
    real, theorem_one, mixed = np.array(curves).T
    assert real[-1] < 0.5 * real[0]
    assert np.max(np.abs(mixed / real - 1)) < 0.1 < 0.4 < np.max(np.abs(theorem_one / real - 1))
