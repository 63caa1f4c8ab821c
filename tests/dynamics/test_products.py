"""The rules by matrix products alone, against brute force and against the SVD."""

import numpy as np
import pytest
from keras import ops

from overparam_tf.dynamics import dense_reference as reference
from overparam_tf.dynamics import end_to_end_update
from overparam_tf.dynamics.matrices import is_on_gpu
from overparam_tf.errors import InputError
from tests.backends import BACKEND, compiled, derivative, needs_xla
from tests.dynamics.cases import KERNELS, gradient_for, kernel_with, largest_gap

SHAPES = [(40, 20), (20, 40)]


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("depth", [2, 4, 8])
def test_products_are_the_literal_sum(name, depth):
    kernel, gradient = KERNELS[name], gradient_for(KERNELS[name])
    actual = end_to_end_update(kernel, gradient, depth, method="products")
    assert largest_gap(actual, reference.fractional_rule(kernel, gradient, depth)) < 1e-9


# At depths 4 and 8 the roots of the smallest values are those of their rounding errors.
@pytest.mark.parametrize("depth", [2, 4, 8])
@pytest.mark.parametrize("shape", SHAPES)
def test_float32_keeps_the_digits_of_the_svd(depth, shape):
    kernel = kernel_with(shape, np.logspace(0, -6 if depth == 2 else -4, 20))
    gradient, single = gradient_for(kernel), kernel.astype("float32")
    exact = reference.fractional_rule(kernel, gradient, depth)
    errors = {
        method: largest_gap(
            end_to_end_update(single, gradient.astype("float32"), depth, method=method), exact
        )
        for method in ("svd", "products", "auto")
    }
    assert errors["products"] < max(5 * errors["svd"], 3e-6), errors
    has_fast_svd = BACKEND != "tensorflow" and not is_on_gpu(ops.convert_to_tensor(single))
    taken = "svd" if depth > 2 and has_fast_svd else "products"
    assert errors["auto"] == errors[taken]


@pytest.mark.parametrize("depth", [2, 4, 8])
@pytest.mark.parametrize("rank", [0, 1, 3])
def test_low_ranks_are_exact(depth, rank):
    # Whole numbers: no rounding in the kernel itself.
    rng = np.random.default_rng(0)
    kernel = (rng.integers(-2, 3, (40, rank)) @ rng.integers(-2, 3, (rank, 20))).astype(float)
    gradient = gradient_for(kernel)
    exact = reference.fractional_rule(kernel, gradient, depth)
    for dtype, tolerance in (("float64", 1e-10), ("float32", 2e-5)):
        actual = end_to_end_update(
            kernel.astype(dtype), gradient.astype(dtype), depth, method="products"
        )
        assert largest_gap(actual, exact) < tolerance


def test_tiny_kernels_do_not_underflow():
    kernel = 1e-25 * kernel_with((6, 4), [2.0, 1.0, 0.5, 0.1])
    gradient = gradient_for(kernel)
    actual = end_to_end_update(kernel.astype("float32"), gradient.astype("float32"), 2)
    assert largest_gap(actual, reference.fractional_rule(kernel, gradient, 2)) < 3e-6


@needs_xla
@pytest.mark.parametrize("depth", [4])
def test_a_compiled_stack_is_every_kernel_alone_and_nan_stays_in_its_run(depth):
    kernels, gradients = np.random.default_rng(3).normal(size=(2, 3, 6, 4))
    kernels[1], kernels[2, 0, 0] = 0, np.nan
    update = compiled(lambda k, g: end_to_end_update(k, g, depth, method="products"))
    actual = ops.convert_to_numpy(update(kernels, gradients))
    exact = reference.fractional_rule(kernels[0], gradients[0], depth)
    assert largest_gap(actual[0], exact) < 1e-12
    assert not actual[1].any() and np.isnan(actual[2]).all()


@pytest.mark.parametrize("shape", [(4, 3), (3, 4)])
def test_derivative_in_kernel(shape):
    kernel, gradient, direction = np.random.default_rng(4).normal(size=(3, *shape))

    def value(kernel):
        return ops.sum(end_to_end_update(kernel, gradient, 2, method="products") ** 2)

    ahead, behind = (float(value(kernel + step * direction)) for step in (1e-5, -1e-5))
    slope = np.sum(derivative(value, kernel) * direction)
    np.testing.assert_allclose(slope, (ahead - behind) / 2e-5, rtol=1e-6)
    assert not derivative(value, np.zeros(shape)).any()


@pytest.mark.parametrize(
    ("depth", "method", "message"),
    [
        (3, "products", "depth 2, 4 or 8 for method='products'. Received: depth=3"),
        (np.full((1, 1), 2.0), "products", "depth 2, 4 or 8"),
        (2, "eigh", "one of 'auto', 'svd', 'products' for method"),
    ],
)
def test_bad_input_gets_one_line(depth, method, message):
    with pytest.raises(InputError, match=message) as caught:
        end_to_end_update(np.eye(2), np.eye(2), depth, method=method)
    assert "\n" not in str(caught.value)
