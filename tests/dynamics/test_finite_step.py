"""Exact steps without the factors, against thousands of steps of the factors themselves."""

import numpy as np
import pytest
from keras import ops

from overparam_tf.dynamics import (
    conserved_imbalance,
    depth_two_step,
    unbalanced_update,
    width_one_step,
)
from overparam_tf.dynamics import dense_reference as reference
from overparam_tf.errors import InputError
from tests.backends import BACKEND, compiled
from tests.dynamics.cases import largest_gap

# Eager PyTorch takes half a millisecond a step.
STEPS = 200 if BACKEND == "torch" else 10_000
RNG = np.random.default_rng(0)
HESSIAN = np.diag(np.logspace(0, -3, 6))
# The loss is <K - TARGET, HESSIAN (K - TARGET)> / 2. At rate 0.4 one layer is stable up to 2.5 and
# the products below swing about their minimum.
RATE, DECAY = 0.4, 1e-3


def target_of(outputs):
    return np.random.default_rng(1).normal(size=(6, outputs))


def real_factors(factors, target, steps, decay):
    for _ in range(steps):
        gradient = HESSIAN @ (reference.product(factors) - target)
        factors = reference.descend(factors, gradient, RATE, decay)
    return factors


def followed(step, state, target, steps, decay):
    """Return the state after this many steps of a function of state, gradient, rate, decay."""
    hessian, target = ops.convert_to_tensor(HESSIAN), ops.convert_to_tensor(target)

    def iterate(_, state):
        kernel, *more = state
        gradient = hessian @ (kernel - target)
        return tuple(step(kernel, gradient, *more, RATE, decay))

    run = compiled(lambda *state: ops.fori_loop(0, steps, iterate, state))
    return run(*(ops.convert_to_tensor(value) for value in state))


@pytest.mark.parametrize("decay", [0.0, DECAY])
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_width_one_is_the_factors_to_round_off(depth, decay):
    rng = np.random.default_rng(depth)
    # Unbalanced: the column is larger than every number.
    start = [0.4 * rng.normal(size=(6, 1)), *(0.5 * rng.normal(size=(depth - 1, 1, 1)))]
    target = target_of(1)
    state = reference.product(start), np.array(conserved_imbalance(start))
    kernel, imbalance = followed(width_one_step, state, target, STEPS, decay)
    factors = real_factors(start, target, STEPS, decay)
    assert np.isfinite(factors[0]).all()
    assert largest_gap(kernel, reference.product(factors)) < 1e-9
    assert largest_gap(imbalance, conserved_imbalance(factors)) < 1e-9


@pytest.mark.parametrize(("width", "outputs"), [(1, 1), (3, 3), (9, 2)])
def test_depth_two_is_the_factors_to_round_off(width, outputs):
    rng = np.random.default_rng(width)
    start = [0.3 * rng.normal(size=(6, width)), 0.3 * rng.normal(size=(width, outputs))]
    target = 0.5 * target_of(outputs)
    first, second = start
    state = first @ second, first @ first.T, second.T @ second
    kernel, left, right = followed(depth_two_step, state, target, STEPS, DECAY)
    first, second = real_factors(start, target, STEPS, DECAY)
    assert np.isfinite(first).all()
    assert largest_gap(kernel, first @ second) < 1e-9
    assert largest_gap(left, first @ first.T) < 1e-9
    assert largest_gap(right, second.T @ second) < 1e-9


def test_both_exact_steps_agree_and_small_rates_give_the_flow():
    first, second = np.array([[1.0], [-2.0]]), np.array([[0.5]])
    kernel, gradient = first @ second, np.array([[0.3], [0.4]])
    delta = np.array(conserved_imbalance([first, second]))
    one = width_one_step(kernel, gradient, delta, 0.7, 0.1)
    two = depth_two_step(kernel, gradient, first @ first.T, second.T @ second, 0.7, 0.1)
    assert largest_gap(one.kernel, two.kernel) < 1e-14
    small = width_one_step(kernel, gradient, delta, 1e-6)
    flow = (kernel - np.array(small.kernel)) / 1e-6
    assert largest_gap(flow, unbalanced_update(kernel, gradient, delta)) < 1e-5


def test_stack_takes_a_rate_for_each_kernel():
    rng = np.random.default_rng(3)
    kernels, gradients = rng.normal(size=(2, 3, 4, 1))
    deltas, rates = rng.normal(size=(3, 2)), np.array([0.1, 0.2, 0.3])
    stacked = width_one_step(kernels, gradients, deltas, rates.reshape(3, 1, 1))
    for index, rate in enumerate(rates):
        alone = width_one_step(kernels[index], gradients[index], deltas[index], rate)
        assert largest_gap(stacked.kernel[index], alone.kernel) < 1e-14
        assert largest_gap(stacked.imbalance[index], alone.imbalance) < 1e-14


COLUMN, MATRIX = np.ones((2, 1)), np.ones((2, 3))


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: width_one_step(MATRIX, MATRIX, [0.0], 0.1), r"kernel.shape=\(2, 3\)"),
        (lambda: width_one_step(COLUMN, COLUMN, 0.0, 0.1), r"imbalance.shape=\(\)"),
        (
            lambda: depth_two_step(MATRIX, MATRIX, np.eye(3), np.eye(3), 0.1),
            r"the shape \(2, 2\) for left. Received: left.shape=\(3, 3\)",
        ),
        (
            lambda: depth_two_step(MATRIX, MATRIX, np.eye(2), np.eye(2), 0.1),
            r"the shape \(3, 3\) for right",
        ),
    ],
)
def test_bad_input_gets_one_line(use, message):
    with pytest.raises(InputError, match=message) as caught:
        use()
    assert "\n" not in str(caught.value)
