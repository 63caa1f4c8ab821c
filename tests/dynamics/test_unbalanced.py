"""The rule of factors of width 1 that are not balanced, against the factors themselves."""

import numpy as np
import pytest
from keras import ops

from overparam_tf.dynamics import conserved_imbalance, end_to_end_update, unbalanced_update
from overparam_tf.dynamics import dense_reference as reference
from overparam_tf.errors import InputError
from tests.backends import compiled, needs_xla
from tests.dynamics.cases import gradient_for, largest_gap

# Sizes of the column and of the numbers after it.
SIZES = {
    "balanced": [0.7, 0.7],
    "large column": [3.0, 1e-3],
    "small column": [1e-3, 3.0],
    "vanishing number": [2.0, 1e-12],
    "three": [0.5, -0.8, 1.1],
    "near zero": [0.11, 0.01, -0.004, 0.02],
    "scales apart": [1e-4, 30.0, 1e-2, 5.0],
    "eight": [1.0, 0.3, 0.5, 0.7, 0.9, 1.1, 1e-3, 1.4],
    "one factor": [1.3],
}


def factors_of(sizes, features=5):
    column = np.random.default_rng(0).normal(size=(features, 1))
    first, *numbers = sizes
    return [column * first / np.linalg.norm(column), *(np.full((1, 1), a) for a in numbers)]


def direction_of(factors, gradient):
    """Return -dK/dt under gradient flow, term by term of the product rule."""
    total = np.zeros_like(gradient)
    moved = reference.descend(factors, gradient, learning_rate=1.0)
    for j, (factor, new) in enumerate(zip(factors, moved, strict=True)):
        total += reference.product([*factors[:j], factor - new, *factors[j + 1 :]])
    return total


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("is_row", [False, True], ids=["column", "row"])
def test_the_rule_is_the_flow_of_the_factors(name, is_row):
    factors = factors_of(SIZES[name])
    if is_row:
        factors = [factor.T for factor in reversed(factors)]
    kernel = reference.product(factors)
    gradient = gradient_for(kernel)
    expected = direction_of(factors, gradient)
    actual = unbalanced_update(kernel, gradient, conserved_imbalance(factors))
    assert largest_gap(actual, expected) < 1e-11
    imbalance = np.array(conserved_imbalance(factors)).astype("float32")
    single = unbalanced_update(kernel.astype("float32"), gradient.astype("float32"), imbalance)
    assert largest_gap(single, expected) < 1e-5


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_no_imbalance_is_claim_two(depth):
    kernel = 0.8 * np.random.default_rng(1).normal(size=(4, 1))
    gradient = gradient_for(kernel)
    actual = unbalanced_update(kernel, gradient, np.zeros(depth - 1))
    assert largest_gap(actual, end_to_end_update(kernel, gradient, depth)) < 1e-13


def test_tiny_kernels_do_not_underflow():
    kernel, gradient = np.full((3, 1), 1e-25, "float32"), np.ones((3, 1), "float32")
    for depth in (2, 4):
        actual = unbalanced_update(kernel, gradient, np.zeros(depth - 1, "float32"))
        expected = reference.single_output(kernel.astype("float64"), np.ones((3, 1)), depth)
        assert largest_gap(actual, expected) < 1e-5


@pytest.mark.parametrize("imbalance", [[-4.0], [-4.0, -9.0]])
def test_a_column_of_zeros_moves_by_the_numbers(imbalance):
    gradient = np.ones((3, 1))
    actual = unbalanced_update(np.zeros((3, 1)), gradient, np.array(imbalance))
    assert largest_gap(actual, np.prod(np.abs(imbalance)) * gradient) < 1e-15


def test_zero_factors_stand_still():
    for imbalance in (np.zeros(1), np.zeros(3), np.array([2.0, -1.0])):
        actual = unbalanced_update(np.zeros((3, 1)), np.ones((3, 1)), imbalance)
        assert not ops.convert_to_numpy(actual).any(), imbalance


@needs_xla
def test_a_compiled_stack_is_every_kernel_alone_and_nan_stays_in_its_run():
    rng = np.random.default_rng(2)
    kernels, gradients = rng.normal(size=(2, 4, 5, 1))
    imbalances = rng.normal(size=(4, 2))
    alone = [unbalanced_update(*case) for case in zip(kernels, gradients, imbalances, strict=True)]
    kernels[3, 0] = np.nan
    actual = ops.convert_to_numpy(compiled(unbalanced_update)(kernels, gradients, imbalances))
    assert largest_gap(actual[:3], np.array(alone)[:3]) < 1e-12
    assert np.isnan(actual[3]).all()


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: conserved_imbalance([np.ones((3, 2)), np.ones((2, 1))]), r"numbers and a row"),
        (lambda: conserved_imbalance([np.ones((3, 1)), np.ones((1, 4))]), r"\(3, 1\), \(1, 4\)"),
        (lambda: conserved_imbalance([np.ones((1, 4)), np.ones((4, 1))]), r"\(1, 4\), \(4, 1\)"),
        (
            lambda: unbalanced_update(np.ones((2, 2)), np.ones((2, 2)), [1.0]),
            r"kernel.shape=\(2, 2\)",
        ),
        (lambda: unbalanced_update(np.ones((2, 1)), np.ones((2, 1)), 1.0), r"imbalance.shape=\(\)"),
        (
            lambda: unbalanced_update(np.ones((2, 1)), np.ones((2, 1)), np.ones((3, 1))),
            r"imbalance.shape=\(3, 1\)",
        ),
        (
            lambda: unbalanced_update(np.ones((2, 1)), np.ones((2, 1)), [np.nan]),
            "finite numbers for imbalance",
        ),
    ],
)
def test_bad_input_gets_one_line(use, message):
    with pytest.raises(InputError, match=message) as caught:
        use()
    assert "\n" not in str(caught.value)
