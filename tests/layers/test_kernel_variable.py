"""`layer.kernel` where Keras users have a variable: read, assigned, normalised, constrained."""

import keras
import numpy as np
import pytest
from keras import ops

from overparam_tf.errors import InputError
from overparam_tf.layers import FactorizedConv2D, FactorizedDense, FactorizedEinsumDense
from tests.backends import FEW_STEPS, MANY_STEPS, compiled, needs_tensorflow
from tests.layers.arrays import array

L = keras.layers
RNG = np.random.default_rng(0)
LAYERS = {
    "dense": (lambda **kw: FactorizedDense(4, **kw), (8, 5)),
    "conv": (lambda **kw: FactorizedConv2D(4, 3, groups=2, **kw), (8, 6, 6, 2)),
    "conv, deep": (lambda **kw: FactorizedConv2D(4, 3, depth=3, **kw), (8, 6, 6, 2)),
    "einsum": (
        lambda **kw: FactorizedEinsumDense("abc,cde->abde", (3, 2, 2), None, "de", **kw),
        (8, 3, 5),
    ),
}
CONSTRAINTS = {
    "dense": [0, 1],
    "conv": [[0, 1, 2], [0, 1, 3]],
    "conv, deep": [[0, 1, 2]],
    "einsum": [0, [0, 2]],
}


def built(case, **arguments):
    make, shape = LAYERS[case]
    layer = make(**arguments)
    layer.build(shape)
    return layer


def test_a_kernel_is_read_as_a_variable_is():
    layer = FactorizedDense(4, name="head")
    layer.build((None, 5))
    kernel = layer.kernel
    assert (kernel.path, kernel.name, tuple(kernel.shape)) == ("head/kernel", "kernel", (5, 4))
    assert kernel.dtype == "float32" and kernel.trainable
    assert isinstance(kernel.numpy(), np.ndarray) and ops.is_tensor(kernel.value)
    np.testing.assert_allclose(array(ops.transpose(kernel) * 2), 2 * kernel.numpy().T)
    kernel.trainable = False
    assert [weight.name for weight in layer.trainable_weights] == ["bias"]


@pytest.mark.parametrize("case", LAYERS)
def test_what_is_assigned_is_split(case):
    layer = built(case)
    values = RNG.normal(size=layer.kernel.shape).astype("float32")
    layer.kernel.assign(values)
    np.testing.assert_allclose(array(layer.kernel), values, atol=1e-5)
    unbalanced = [3 * array(factor) for factor in layer.factors]
    for factor, value in zip(layer.factors, unbalanced, strict=True):
        factor.assign(value)
    layer.kernel.assign(-0.5 * array(layer.kernel))  # a multiple scales the factors
    scale = 0.5 ** (1 / layer.depth)
    for factor, value in zip(layer.factors[:-1], unbalanced[:-1], strict=True):
        np.testing.assert_allclose(array(factor), scale * value, atol=1e-5)
    layer.kernel.assign(np.zeros(values.shape))
    np.testing.assert_array_equal(array(layer.kernel), 0)
    assert sum(float(np.abs(array(factor)).max()) > 0 for factor in layer.factors) > 0


@needs_tensorflow
@pytest.mark.parametrize("case", LAYERS)
def test_a_compiled_function_splits_too(case):
    layer = built(case)
    values = RNG.normal(size=layer.kernel.shape).astype("float32")
    compiled(layer.kernel.assign, xla=False)(ops.convert_to_tensor(values))
    np.testing.assert_allclose(array(layer.kernel), values, atol=1e-4)


@pytest.mark.parametrize("case", ["dense", "conv"])
def test_spectral_normalisation_trains(case):
    make, shape = LAYERS[case]
    layer = make(name="inside")
    wrapped = L.SpectralNormalization(layer, power_iterations=5)
    model = keras.Sequential([keras.Input(shape[1:]), wrapped])
    layer.kernel.assign(5 * array(layer.kernel))
    model.compile(keras.optimizers.SGD(1e-3), "mse", **MANY_STEPS)
    x = RNG.normal(size=shape).astype("float32")
    y = 0 * model.predict(x, verbose=0)
    model.fit(x, y, epochs=3, verbose=0)
    if keras.backend.backend() != "jax":  # there Keras drops what is assigned to a trained weight
        matrix = array(layer.kernel).reshape(-1, 4)
        assert np.linalg.norm(matrix, 2) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize(
    ("case", "axis"), [(case, axis) for case, axes in CONSTRAINTS.items() for axis in axes]
)
def test_a_constraint_on_norms_holds_for_the_product(case, axis):
    make, shape = LAYERS[case]
    layer = make(kernel_constraint=keras.constraints.MaxNorm(0.5, axis), bias_constraint="non_neg")
    model = keras.Sequential([keras.Input(shape[1:]), layer])
    model.compile(keras.optimizers.SGD(0.5), "mse", **FEW_STEPS)
    x = RNG.normal(size=shape).astype("float32")
    before = array(layer.kernel)
    model.train_on_batch(x, -1 + 3 * array(model(x)))
    norms = np.sqrt(np.sum(np.square(array(layer.kernel)), axis=tuple(np.atleast_1d(axis))))
    assert norms.max() == pytest.approx(0.5, rel=1e-3) and norms.min() > 0.01
    assert array(layer.bias).min() >= 0 and np.abs(array(layer.kernel) - before).max() > 1e-3
    assert layer.plain_layer().get_config()["kernel_constraint"]["config"]["axis"] == axis


def test_constraints_that_a_product_cannot_keep():
    for make in (FactorizedDense, lambda units, **kw: FactorizedConv2D(units, 3, **kw)):
        with pytest.raises(InputError, match=r"use depth=1.*Received: .*NonNeg") as raised:
            make(4, kernel_constraint="non_neg")
        assert "\n" not in str(raised.value)
    heads = keras.constraints.MaxNorm(1.0, axis=0)
    with pytest.raises(InputError, match="norms over all its input axes"):
        FactorizedEinsumDense("abcd,cde->abe", (None, 5), kernel_constraint=heads)


@pytest.mark.parametrize("constraint", ["non_neg", keras.constraints.MaxNorm(0.1, axis=0)])
def test_at_depth_one_every_constraint_is_that_of_the_plain_layer(constraint):
    kernels = []
    for layer in (L.EinsumDense, FactorizedEinsumDense):
        keras.utils.set_random_seed(0)
        options = {"kernel_constraint": constraint}
        options |= {"depth": 1} if layer is FactorizedEinsumDense else {}
        model = keras.Sequential(
            [keras.Input((3, 4, 2)), layer("abcd,cde->abe", (3, 5), **options)]
        )
        model.compile(keras.optimizers.SGD(0.1), "mse", **FEW_STEPS)
        model.train_on_batch(np.ones((2, 3, 4, 2)), np.ones((2, 3, 5)))
        kernels.append(array(model.layers[0].kernel))
    np.testing.assert_allclose(*kernels, atol=1e-6)
