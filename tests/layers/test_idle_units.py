"""Kernels of zeros or low rank, widths above the rank: the function stays, every unit trains."""

import keras
import numpy as np
import pytest

from overparam_tf.layers import (
    FactorizedConv2D,
    FactorizedDense,
    FactorizedEinsumDense,
    FactorizedMultiHeadAttention,
)
from overparam_tf.surgery import overparameterize
from tests.backends import FEW_STEPS
from tests.layers.arrays import array

L = keras.layers
RNG = np.random.default_rng(0)
# Factorised layer, plain layer, input shape without the batch.
LAYERS = {
    "tall": (FactorizedDense, lambda **kw: L.Dense(3, **kw), (5,)),
    "wide": (FactorizedDense, lambda **kw: L.Dense(6, **kw), (4,)),
    "conv": (FactorizedConv2D, lambda **kw: L.Conv2D(6, 3, **kw), (5, 5, 4)),
    "conv, 1 to 20": (FactorizedConv2D, lambda **kw: L.Conv2D(20, 3, **kw), (5, 5, 1)),
    "conv, groups": (FactorizedConv2D, lambda **kw: L.Conv2D(6, 3, groups=2, **kw), (5, 5, 4)),
    "query": (
        FactorizedEinsumDense,
        lambda **kw: L.EinsumDense("abc,cde->abde", (3, 2, 3), **kw),
        (3, 4),
    ),
}


def step(layer, kernel, shape, rate=0.1):
    """Return the layer's kernel after one step of gradient descent from a given one."""
    model = keras.Sequential([keras.Input(shape, dtype="float64"), layer])
    if hasattr(layer, "assign_kernel"):
        layer.assign_kernel(kernel)
    else:
        layer.kernel.assign(kernel)
    model.compile(keras.optimizers.SGD(rate), "mse", **FEW_STEPS)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(8, *shape))
    model.train_on_batch(x, rng.normal(size=(8, *model.output_shape[1:])))
    return array(layer.kernel)


def of_low_rank(plain, shape):
    """Return a kernel of rank 2 with a row of zeros, for each group."""
    plain.build((None, *shape))
    kernel = RNG.normal(size=plain.kernel.shape)
    kernel[..., 0] = kernel[..., 1]
    kernel[..., 0, :] = 0
    return kernel


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("case", LAYERS)
def test_a_kernel_of_zeros_moves_as_that_of_the_plain_layer(case, depth):
    factorised, make, shape = LAYERS[case]
    plain = make(dtype="float64")
    plain.build((None, *shape))
    zeros = np.zeros(plain.kernel.shape)
    layer = factorised.from_plain(plain, depth)
    layer.build((None, *shape))
    layer.assign_kernel(zeros)
    np.testing.assert_array_equal(array(layer.kernel), 0)
    expected = step(make(dtype="float64"), zeros, shape)
    assert np.abs(expected).max() > 1e-3
    actual = step(factorised.from_plain(plain, depth), zeros, shape)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("split", ["balanced", "identity"])
@pytest.mark.parametrize("depth", [2, 4])
@pytest.mark.parametrize("kernel_is", ["zero", "low rank", "full rank"])
@pytest.mark.parametrize("case", LAYERS)
def test_every_unit_of_a_wide_layer_has_values_on_one_side(case, kernel_is, depth, split):
    factorised, make, shape = LAYERS[case]
    plain = make(dtype="float64")
    kernel = of_low_rank(plain, shape)
    if kernel_is != "low rank":
        scale = 0.0 if kernel_is == "zero" else 1.0
        kernel = scale * RNG.normal(size=kernel.shape)
    layer = factorised.from_plain(plain, depth, width=80, kernel_initializer="zeros")
    layer.build((None, *shape))
    layer.assign_kernel(kernel, split)
    np.testing.assert_allclose(array(layer.kernel), kernel, atol=1e-9)
    for left, right in zip(layer.factors[:-1], layer.factors[1:], strict=True):
        into = np.linalg.norm(array(left).reshape(-1, left.shape[-1]), axis=0)
        out_of = np.moveaxis(array(right), -2, 0)  # rows of each group
        groups = getattr(layer, "groups", 1)
        out_of = np.concatenate(np.split(out_of, groups, axis=-1)).reshape(len(into), -1)
        assert np.all((into > 1e-3) | (np.linalg.norm(out_of, axis=1) > 1e-3))


def test_directions_of_singular_value_zero_train():
    kernel = np.zeros((5, 3))
    kernel[0, 0] = 1.0
    for depth in (2, 3):
        moved = step(FactorizedDense(3, depth=depth, dtype="float64"), kernel, (5,)) - kernel
        assert np.linalg.matrix_rank(moved, tol=1e-4) == 3


def test_singular_values_within_the_round_off_of_float32_train():
    left, right = RNG.normal(size=(6, 2)), RNG.normal(size=(2, 4))
    kernel = (left @ right).astype("float32")  # of rank 2, but for its round-off
    layer = FactorizedDense(4)
    layer.build((None, 6))
    layer.assign_kernel(kernel)
    np.testing.assert_allclose(array(layer.kernel), kernel, atol=1e-6)
    assert np.linalg.matrix_rank(array(layer.factors[1]), tol=1e-2) == 4


def test_a_zero_initializer_and_a_zero_head_of_a_model():
    head = keras.Sequential([keras.Input((4,)), L.Dense(3, kernel_initializer="zeros")])
    models = [
        overparameterize(head, copy=True),
        keras.Sequential([keras.Input((4,)), FactorizedDense(3, kernel_initializer="zeros")]),
        keras.Sequential([keras.Input((4,)), FactorizedDense(3, width=1)]),
    ]
    models[2].layers[0].assign_kernel(np.zeros((4, 3)))
    x = RNG.normal(size=(32, 4))
    y = x @ RNG.normal(size=(4, 3))
    np.testing.assert_allclose(array(models[0](x)), array(head(x)), atol=1e-6)
    for model in models:
        model.compile(keras.optimizers.SGD(0.1), "mse", **FEW_STEPS)
        first = model.train_on_batch(x, y)
        for _ in range(20):
            last = model.train_on_batch(x, y)
        assert last < 0.7 * first


def test_attention_with_a_zero_output_projection():
    layer = FactorizedMultiHeadAttention(2, 3)
    layer.build((None, 5, 6), (None, 5, 6))
    output = layer.projections[-1]
    output.assign_kernel(np.zeros(output.kernel.shape))
    sizes = [np.abs(array(factor)).max() for factor in output.factors]
    assert min(sizes) == 0 and max(sizes) > 0.1
