"""Products keep the precision of float32 where matrix units round their factors."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from keras.ops import convert_to_numpy

from overparam_tf.dynamics import (
    depth_two_step,
    end_to_end_update,
    matrices,
    mixed_update,
    polar,
    products,
    singular_basis,
)
from overparam_tf.dynamics.dense_reference import fractional_rule, literal_sum, mixed_rule
from overparam_tf.dynamics.matrices import is_on_gpu, matmul, parts_of_product, rounds_factors
from tests.backends import BACKEND, derivative, needs_tensorflow
from tests.dynamics.cases import KERNELS, gradient_for, kernel_with, largest_gap

RNG = np.random.default_rng(7)


def tf32(array):
    """Round to 11 binary digits, as a matrix unit does with the factors of a product."""
    mantissa, exponent = np.frexp(np.asarray(array, "float64"))
    return np.ldexp(np.round(mantissa * 2**11), exponent - 11).astype("float32")


def relative(found, expected):
    return np.linalg.norm(convert_to_numpy(found) - expected) / np.linalg.norm(expected)


def test_parts_keep_what_a_matrix_unit_rounds():
    left, right = (RNG.normal(size=(64, 64)).astype("float32") for _ in range(2))
    expected = left.astype("float64") @ right
    pairs = parts_of_product(*map(ops.convert_to_tensor, (left, right)))
    total = sum(
        tf32(convert_to_numpy(first)).astype("float64") @ tf32(convert_to_numpy(second))
        for first, second in pairs
    )
    assert relative(tf32(left).astype("float64") @ tf32(right), expected) > 1e-4
    assert relative(total, expected) < 3e-7


def test_the_derivative_of_the_parts_is_that_of_the_product():
    left, right, weights = (RNG.normal(size=(5, 5)).astype("float32") for _ in range(3))

    def weighted(x, y):
        parts = parts_of_product(ops.convert_to_tensor(x), ops.convert_to_tensor(y))
        return ops.sum(ops.convert_to_tensor(weights) * sum(a @ b for a, b in parts))

    in_left = derivative(lambda x: weighted(x, right), left)
    in_right = derivative(lambda x: weighted(left, x), right)
    np.testing.assert_allclose(in_left, weights @ right.T, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(in_right, left.T @ weights, rtol=1e-5, atol=1e-5)


@pytest.fixture
def matrix_unit(monkeypatch):
    """Let every product of the rules round its factors, as a GPU does."""
    if BACKEND == "jax":
        pytest.skip("JAX is asked for full precision")
    split = matrices.parts_of_product

    def rounded(left, right):
        pairs = split(left, right)
        return [tuple(map(_rounded, pair)) for pair in pairs]

    monkeypatch.setattr(matrices, "rounds_factors", lambda tensor: True)
    monkeypatch.setattr(matrices, "parts_of_product", rounded)


def _rounded(tensor):
    return ops.convert_to_tensor(tf32(convert_to_numpy(tensor)))


KERNEL = kernel_with((24, 16), np.geomspace(1, 1e-3, 16), seed=3)
GRADIENT = RNG.normal(size=(24, 16))


@pytest.mark.parametrize("method", ["svd", "products"])
@pytest.mark.parametrize("depth", [2, 4])
def test_the_rule_on_a_matrix_unit(depth, method, matrix_unit):
    kernel, gradient = KERNEL.astype("float32"), GRADIENT.astype("float32")
    found = end_to_end_update(kernel, gradient, depth, method=method)
    # In float32 without a matrix unit it is 1e-6 to 2e-6 at depth 2, 1e-5 to 2e-5 at depth 4.
    expected = literal_sum(KERNEL, GRADIENT, depth)
    assert relative(found, expected) < (5e-6 if depth == 2 else 5e-5)


def test_the_mixed_rule_on_a_matrix_unit(matrix_unit):
    found = mixed_update(KERNEL.astype("float32"), GRADIENT.astype("float32"), spread=0.1)
    assert relative(found, mixed_rule(KERNEL, GRADIENT, 0.1)) < 5e-6


def _rules():
    gram = np.eye(6, dtype="float32")
    return {
        "depth 2": lambda k, g: end_to_end_update(k, g, 2),
        "depth 3": lambda k, g: end_to_end_update(k, g, 3),
        "depth 4": lambda k, g: end_to_end_update(k, g, 4, method="products"),
        "mixed": lambda k, g: mixed_update(k, g, 0.1),
        "mixed by svd": lambda k, g: mixed_update(k, g, 0.1, method="svd"),
        "exact": lambda k, g: depth_two_step(k, g, gram, gram, 0.1),
    }


@pytest.mark.skipif(BACKEND != "jax", reason="the precision that JAX is asked for")
@pytest.mark.parametrize("name", _rules())
def test_jax_is_asked_for_full_precision(name):
    import jax

    tensor = ops.ones((6, 6), "float32")
    asked = str(jax.make_jaxpr(_rules()[name])(tensor, tensor))
    count = asked.count("dot_general[")
    assert count and asked.count("precision=(Precision.HIGHEST, Precision.HIGHEST)") == count


@needs_tensorflow
def test_tensorflow_rounds_on_a_gpu_unless_told_not_to(monkeypatch):
    import tensorflow as tf

    single, double = (ops.ones((2, 2), dtype) for dtype in ("float32", "float64"))
    assert not rounds_factors(single)  # on a processor
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["one"])
    assert rounds_factors(single) and not rounds_factors(double)
    np.testing.assert_array_equal(matmul(3 * single, single), 6 * np.ones((2, 2)))
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        assert not rounds_factors(single)
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(True)


@pytest.fixture
def as_on_gpu(monkeypatch):
    """Take the routes of a GPU."""
    if BACKEND == "tensorflow":
        pytest.skip("TensorFlow takes the same route everywhere")
    for module in (polar, products, singular_basis):
        monkeypatch.setattr(module, "is_on_gpu", lambda tensor: True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_basis_that_a_gpu_takes(dtype, as_on_gpu):
    values = np.geomspace(1, 1e-2, 9)
    kernel = kernel_with((20, 9), values, seed=1).astype(dtype)
    left, found, right = map(convert_to_numpy, singular_basis.singular_basis(kernel))
    atol = 5e-6 if dtype == "float32" else 1e-13
    np.testing.assert_allclose((left * found) @ right.T, kernel, atol=atol)
    np.testing.assert_allclose(right.T @ right, np.eye(9), atol=atol)
    np.testing.assert_allclose(found, values, atol=atol)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", KERNELS)
def test_the_rule_of_depth_three_as_a_gpu_takes_it(name, dtype, as_on_gpu):
    kernel, gradient = KERNELS[name], gradient_for(KERNELS[name])
    found = end_to_end_update(kernel.astype(dtype), gradient.astype(dtype), 3)
    bound = 3e-6 if dtype == "float32" else 1e-10
    assert largest_gap(found, fractional_rule(kernel, gradient, 3)) < bound


def test_a_tall_kernel_is_reduced_first():
    """The route by a QR is the one without."""
    kernel = ops.convert_to_tensor(RNG.normal(size=(768, 256)) * 1e-25, "float32")
    assert polar._is_reduced_first(kernel) != is_on_gpu(kernel)
    factor = convert_to_numpy(polar.polar_factor(kernel))
    np.testing.assert_allclose(factor.T @ factor, np.eye(256), atol=2e-6)
    root = factor.T @ (convert_to_numpy(kernel) * 1e25)
    np.testing.assert_allclose(root, root.T, atol=1e-3)
    assert np.linalg.eigvalsh(root).min() > 0
