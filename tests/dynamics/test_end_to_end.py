import keras
import numpy as np
import pytest
from keras import ops

from overparam_tf.dynamics import dense_reference as reference
from overparam_tf.dynamics import (
    effective_learning_rate,
    end_to_end_update,
    momentum_direction,
    precondition,
)
from overparam_tf.errors import InputError
from tests.backends import compiled, derivative, needs_tensorflow, needs_xla
from tests.dynamics.cases import KERNELS, gradient_for, kernel_with, largest_gap

# The five routes to the rule beside the library's own.
ROUTES = {
    "matrix powers": reference.literal_sum,
    "Kronecker matrix": lambda kernel, gradient, depth: (
        reference.kronecker_matrix(kernel, depth) @ gradient.ravel()
    ).reshape(kernel.shape),
    "transposition": reference.by_transposition,
    "one real step": reference.one_step_limit,
    "pairs": reference.fractional_rule,
}
DEPTHS = [1, 2, 3, 8]
in_xla = compiled(end_to_end_update)
every_kernel = pytest.mark.parametrize("name", KERNELS)


@every_kernel
@pytest.mark.parametrize("depth", DEPTHS)
def test_routes_agree(name, depth):
    kernel = KERNELS[name]
    gradient = gradient_for(kernel)
    update = end_to_end_update(kernel, gradient, depth)
    gaps = {
        route: largest_gap(update, other(kernel, gradient, depth))
        for route, other in ROUTES.items()
    }
    assert max(gaps.values()) < 1e-10, gaps


@pytest.mark.parametrize("name", [name for name in KERNELS if 1 in KERNELS[name].shape])
@pytest.mark.parametrize("depth", [*DEPTHS, 2.5])
def test_single_output_form_agrees(name, depth):
    kernel = KERNELS[name]
    gradient = gradient_for(kernel)
    expected = reference.single_output(kernel, gradient, depth)
    parts = effective_learning_rate(kernel, depth) * (
        momentum_direction(kernel, gradient, depth) + ops.array(gradient)
    )
    assert largest_gap(end_to_end_update(kernel, gradient, depth), expected) < 1e-13
    assert largest_gap(parts, expected) < 1e-13


@every_kernel
@pytest.mark.parametrize("depth", [1.0, 1.2, 2.5, 7.3])
def test_fractional_depth_matches_pairs(name, depth):
    kernel = KERNELS[name]
    gradient = gradient_for(kernel)
    expected = reference.fractional_rule(kernel, gradient, depth)
    assert largest_gap(end_to_end_update(kernel, gradient, depth), expected) < 1e-10


def test_depth_grows_along_a_singular_direction_as_its_closed_form():
    kernel = ops.array(kernel_with((5, 3), [4.0]))
    steps = [
        float(ops.sum(kernel * end_to_end_update(kernel, kernel, depth))) / 16
        for depth in (1, 1.5, 2, 3, 4)
    ]
    np.testing.assert_allclose(steps, [n * 4 ** (2 - 2 / n) for n in (1, 1.5, 2, 3, 4)], rtol=1e-13)


@every_kernel
def test_depth_one_is_the_gradient_itself(name):
    gradient = gradient_for(KERNELS[name])
    np.testing.assert_array_equal(end_to_end_update(KERNELS[name], gradient, 1), gradient)


@every_kernel
def test_float32_keeps_its_digits(name):
    kernel, gradient = (
        KERNELS[name].astype("float32"),
        gradient_for(KERNELS[name]).astype("float32"),
    )
    actual = end_to_end_update(kernel, gradient, 3)
    assert keras.backend.standardize_dtype(actual.dtype) == "float32"
    expected = reference.fractional_rule(KERNELS[name], gradient_for(KERNELS[name]), 3)
    assert largest_gap(actual, expected) < 3e-6


@needs_xla
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 3e-6), ("float64", 1e-12)])
def test_xla_keeps_the_digits(dtype, tolerance):
    kernels = np.stack([kernel for kernel in KERNELS.values() if kernel.shape == (5, 3)])
    gradients = gradient_for(kernels)
    actual = in_xla(kernels.astype(dtype), gradients.astype(dtype), np.full((4, 1, 1), 3.0))
    for one, kernel, gradient in zip(actual, kernels, gradients, strict=True):
        assert largest_gap(one, reference.fractional_rule(kernel, gradient, 3)) < tolerance


@pytest.mark.parametrize("shape", [(6, 1), (1, 6), (5, 3), (3, 5)])
@pytest.mark.parametrize(
    "update", [end_to_end_update, pytest.param(in_xla, marks=needs_xla)], ids=["eager", "xla"]
)
def test_stack_is_every_kernel_alone_each_with_its_depth(shape, update):
    kernels, gradients = np.random.default_rng(3).normal(size=(2, 4, *shape))
    kernels[2] = 0
    depths = np.array([1.0, 2.0, 2.5, 4.0])
    actual = update(kernels, gradients, depths.reshape(4, 1, 1))
    alone = [
        reference.fractional_rule(*case) for case in zip(kernels, gradients, depths, strict=True)
    ]
    assert largest_gap(actual, alone) < 1e-12


@needs_tensorflow
@pytest.mark.parametrize("shape", [(6, 1), (5, 3)])
def test_stack_of_unknown_length(shape):
    import tensorflow as tf

    kernels, gradients = np.random.default_rng(3).normal(size=(2, 4, *shape))
    unknown, depths = (
        tf.TensorSpec([None, *shape], "float64"),
        tf.TensorSpec([None, 1, 1], "float64"),
    )
    update = tf.function(end_to_end_update, input_signature=[unknown, unknown, depths])
    actual = update(kernels, gradients, np.full((4, 1, 1), 3.0))
    assert largest_gap(actual, end_to_end_update(kernels, gradients, 3)) < 1e-13


@needs_xla
@pytest.mark.parametrize("shape", [(6, 1), (5, 3)])
def test_compiled_diverged_run_is_nan_and_leaves_the_others_alone(shape):
    kernels, gradients = np.random.default_rng(3).normal(size=(2, 4, *shape))
    kernels[0], kernels[1, 0, 0] = np.nan, np.inf
    actual = in_xla(kernels, gradients, np.full((4, 1, 1), 3.0))
    actual = ops.convert_to_numpy(actual)
    assert not np.isfinite(actual[:2]).any()
    assert largest_gap(actual[2], reference.fractional_rule(kernels[2], gradients[2], 3)) < 1e-12


def test_tiny_single_output_does_not_underflow():
    kernel = np.full((3, 1), 1e-25, "float32")
    gradient = np.ones((3, 1), "float32")
    expected = reference.single_output(kernel.astype("float64"), gradient.astype("float64"), 2)
    assert largest_gap(end_to_end_update(kernel, gradient, 2), expected) < 1e-6


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (4, 1)])
@pytest.mark.parametrize("depth", [1.5, 3])
def test_derivative_in_kernel_matches_finite_differences(shape, depth):
    kernel, gradient, cotangent, direction = np.random.default_rng(4).normal(size=(4, *shape))

    def value(kernel):
        return ops.sum(
            end_to_end_update(kernel, gradient, depth) * ops.convert_to_tensor(cotangent)
        )

    ahead, behind = (float(value(kernel + step * direction)) for step in (1e-5, -1e-5))
    slope = np.sum(derivative(value, kernel) * direction)
    np.testing.assert_allclose(slope, (ahead - behind) / 2e-5, rtol=1e-7)


@pytest.mark.parametrize("shape", [(4, 3), (4, 1)])
def test_derivative_at_zero_is_zero(shape):
    slope = derivative(
        lambda kernel: ops.sum(end_to_end_update(kernel, np.ones(shape), 3)), np.zeros(shape)
    )
    np.testing.assert_array_equal(slope, np.zeros(shape))


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("shape", [(4, 3), (4, 1)])
def test_flow_limit_is_the_flow_of_balanced_factors(depth, shape):
    # dF/dt of the factors and dK/dt of the rule, each by the classical Runge-Kutta method.
    update = compiled(
        lambda kernel, gradient: end_to_end_update(kernel, gradient, depth), xla=False
    )
    kernel, target = 0.5 * np.random.default_rng(5).normal(size=(2, *shape))

    def factor_velocity(factors):
        moved = reference.descend(factors, reference.product(factors) - target, learning_rate=1.0)
        return [new - old for new, old in zip(moved, factors, strict=True)]

    def kernel_velocity(kernels):
        return [-ops.convert_to_numpy(update(kernels[0], kernels[0] - target))]

    real = reference.product(_flow(factor_velocity, reference.balanced_factors(kernel, depth)))
    assert largest_gap(_flow(kernel_velocity, [kernel])[0], real) < 1e-8
    assert largest_gap(kernel, real) > 0.1


def _flow(velocity, state, step=0.01, count=100):
    def along(direction, size):
        return [value + size * move for value, move in zip(state, direction, strict=True)]

    for _ in range(count):
        first = velocity(state)
        second = velocity(along(first, step / 2))
        third = velocity(along(second, step / 2))
        fourth = velocity(along(third, step))
        moves = zip(first, second, third, fourth, strict=True)
        state = along([(a + 2 * b + 2 * c + d) / 6 for a, b, c, d in moves], step)
    return state


@pytest.mark.parametrize(
    ("kernel", "gradient", "depth", "message"),
    [
        (np.ones((2, 2)), np.ones((2, 2)), 0.5, "a finite number >= 1 for depth"),
        (np.ones((2, 2)), np.ones((2, 2)), np.nan, "a finite number >= 1 for depth"),
        (np.ones((2, 2)), np.ones((2, 2)), "2", "a finite number >= 1 for depth"),
        (np.ones((2, 2)), np.ones((2, 2)), np.full((3, 1, 1), 2.0), r"broadcasts to \(1, 1\)"),
        (np.ones((3, 2, 2)), np.ones((3, 2, 2)), np.full(3, 2.0), r"broadcasts to \(3, 1, 1\)"),
        (np.ones(3), np.ones(3), 2, r"kernel.shape=\(3,\)"),
        (np.ones((2, 0)), np.ones((2, 0)), 2, r"kernel.shape=\(2, 0\)"),
        (
            np.ones((2, 2), int),
            np.ones((2, 2)),
            2,
            "float32 or float64 for kernel. Received: kernel.dtype=int64",
        ),
        (np.ones((2, 3)), np.ones((3, 2)), 2, r"gradient.shape=\(3, 2\), kernel.shape=\(2, 3\)"),
        (np.array([[1.0, np.inf]]), np.ones((1, 2)), 2, "1 of 2 entries are NaN or infinite"),
    ],
)
def test_bad_input_gets_one_line(kernel, gradient, depth, message):
    with pytest.raises(InputError, match=message) as caught:
        end_to_end_update(kernel, gradient, depth)
    assert "\n" not in str(caught.value)


def test_single_output_parts_refuse_a_matrix():
    with pytest.raises(InputError, match=r"kernel.shape=\(2, 2\)"):
        effective_learning_rate(np.ones((2, 2)), 2)


def test_precondition_lets_nan_through():
    assert ops.all(ops.isnan(precondition(ops.array([[np.nan], [1.0]]), ops.ones((2, 1)), 2)))
