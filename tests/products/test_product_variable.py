"""A product in the place of a variable: value, gradient, assignment, tracking and precision."""

import keras
import numpy as np
import pytest
from keras import ops

from overparam_tf import InputError
from overparam_tf.products import MatrixAxes, Product, product, split_matrix
from tests.backends import compiled

SHAPE = (4, 3)


def kernel_of(depth=3, dtype="float32"):
    """Return a product of `depth` variables of shape (4, 3), and its value."""
    value = np.random.default_rng(0).normal(size=SHAPE).astype("float32")
    factors = [keras.Variable(part, dtype=dtype) for part in split_matrix(value, depth)]

    def split(kernel):
        return split_matrix(kernel, depth)

    return Product(factors, product, split, SHAPE), value


class Holder(keras.layers.Layer):
    """A layer that multiplies by a kernel which it is given."""

    def __init__(self, kernel, tracked=(), **kwargs):
        super().__init__(**kwargs)
        self.kernel, self.tracked = kernel, list(tracked)

    def call(self, x):
        return ops.matmul(x, self.kernel)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_it_is_the_composed_value_everywhere(depth):
    kernel, value = kernel_of(depth)
    x = np.ones((2, 4), "float32")
    readings = {
        "value": kernel.value,
        "numpy": kernel.numpy(),
        "asarray": np.asarray(kernel),
        "convert": ops.convert_to_tensor(kernel),
        "cast": ops.cast(kernel, "float32"),
        "times one": 1 * kernel,
        "negative": -kernel,
    }
    readings["negative"] = -readings["negative"]
    for name, reading in readings.items():
        np.testing.assert_allclose(ops.convert_to_numpy(reading), value, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.matmul(x, kernel)), x @ value, rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(ops.convert_to_numpy(kernel[1]), value[1], atol=1e-6)


def test_it_reads_as_a_variable():
    kernel, _ = kernel_of()
    assert (kernel.name, tuple(kernel.shape), kernel.ndim, kernel.dtype) == (
        "kernel",
        SHAPE,
        2,
        "float32",
    )
    assert kernel.path.endswith("kernel") and "factors=3" in repr(kernel)
    kernel.trainable = False
    assert not kernel.trainable and not any(factor.trainable for factor in kernel.factors)


def test_a_layer_that_is_given_it_does_not_track_it():
    holder = Holder(kernel_of()[0])
    assert holder.variables == []
    holder(np.ones((2, 4), "float32"))
    assert holder.weights == []


def test_assign_splits_in_balance():
    kernel, value = kernel_of()
    kernel.assign(2 * value + 1)
    np.testing.assert_allclose(kernel.numpy(), 2 * value + 1, rtol=1e-4, atol=1e-5)
    assert_balanced(kernel.factors)


def test_assign_within_a_compiled_function():
    kernel, value = kernel_of()

    def read_after(new):
        with keras.StatelessScope():
            kernel.assign(new)
            return kernel.value, [factor.value for factor in kernel.factors]

    inside, factors = compiled(read_after, xla=False)(ops.convert_to_tensor(2 * value + 1))
    np.testing.assert_allclose(ops.convert_to_numpy(inside), 2 * value + 1, rtol=1e-4, atol=1e-5)
    assert_balanced(factors)


def assert_balanced(factors):
    first, second, _ = (ops.convert_to_numpy(factor) for factor in factors)
    np.testing.assert_allclose(first.T @ first, second @ second.T, atol=1e-4)


def test_a_value_of_another_shape_is_refused():
    with pytest.raises(InputError, match=r"of shape \(4, 3\) for"):
        kernel_of()[0].assign(np.ones((3, 4)))


def test_under_mixed_precision_it_is_cast():
    kernel, _ = kernel_of()
    holder = Holder(kernel, dtype="mixed_bfloat16")
    assert keras.backend.standardize_dtype(holder(np.ones((2, 4), "float32")).dtype) == "bfloat16"
    assert kernel.dtype == "float32"


def test_in_a_stateless_scope_it_has_the_values_of_the_scope():
    kernel, value = kernel_of(depth=2)
    first, second = kernel.factors
    doubled = [(first, 2 * ops.convert_to_tensor(first)), (second, ops.convert_to_tensor(second))]
    with keras.StatelessScope(doubled):
        inside = ops.convert_to_numpy(kernel)
    np.testing.assert_allclose(inside, 2 * value, atol=1e-5)


def test_gradients_reach_the_factors():
    kernel, _ = kernel_of(depth=2)
    model = keras.Sequential([keras.Input((4,)), Holder(kernel, tracked=kernel.factors)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = [ops.convert_to_numpy(factor) for factor in kernel.factors]
    model.fit(np.ones((2, 4)), np.ones((2, 3)), verbose=0)
    for factor, old in zip(kernel.factors, before, strict=True):
        assert np.abs(ops.convert_to_numpy(factor) - old).max() > 1e-4


@pytest.mark.parametrize("inputs", [(0,), (1,), (0, 2), (1, 0)])
def test_a_kernel_of_any_axes_is_a_matrix_and_back(inputs):
    axes, kernel = MatrixAxes.from_inputs(inputs, rank=3), np.arange(24.0).reshape(2, 3, 4)
    matrix = axes.matrices(kernel)
    assert tuple(matrix.shape) == axes.sizes(kernel.shape)
    np.testing.assert_array_equal(ops.convert_to_numpy(axes.restored(matrix, kernel.shape)), kernel)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_each_matrix_of_a_stack_is_split(depth):
    stack = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype("float32")
    factors = split_matrix(stack, depth, 5)
    np.testing.assert_allclose(ops.convert_to_numpy(product(factors)), stack, atol=1e-5)
    for alone, slices in zip(split_matrix(stack[1], depth, 5), factors, strict=True):
        np.testing.assert_array_equal(slices[1], alone)

    def recomposed(values):
        return product(split_matrix(values, depth, 5))

    inside = compiled(recomposed, xla=False)(ops.convert_to_tensor(stack))
    np.testing.assert_allclose(ops.convert_to_numpy(inside), stack, atol=1e-5)
