"""Weights and files of plain layers, and what only plain layers do: LoRA, quantisation."""

import keras
import numpy as np
import pytest

from overparam_tf.errors import InputError
from overparam_tf.initializers import NearZero
from overparam_tf.layers import (
    FactorizedConv2D,
    FactorizedDense,
    FactorizedEinsumDense,
    FactorizedMultiHeadAttention,
)
from tests.backends import needs_tensorflow
from tests.layers.arrays import array

L = keras.layers
RNG = np.random.default_rng(0)
PLAIN = (L.Dense, L.Conv2D, L.EinsumDense, L.MultiHeadAttention)
OURS = (
    FactorizedDense,
    FactorizedConv2D,
    FactorizedEinsumDense,
    FactorizedMultiHeadAttention,
)


def model_of(dense, conv, einsum, attention, **options):
    image = keras.Input((5, 6, 4))
    x = L.Reshape((12, 6))(conv(6, 3, name="conv", **options)(image))
    x = attention(2, 3, use_gate=True, name="attention", **options)(x, x)
    x = einsum("abc,cde->abde", (None, 2, 3), bias_axes="de", name="einsum", **options)(x)
    return keras.Model(image, dense(4, use_bias=False, name="dense", **options)(x))


@pytest.fixture(scope="module")
def plain():
    model = model_of(*PLAIN)
    for weight in model.weights:
        weight.assign(0.3 * RNG.normal(size=weight.shape))
    return model


@pytest.fixture(scope="module")
def images():
    return RNG.normal(size=(2, 5, 6, 4)).astype("float32")


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_weights_of_plain_layers_are_split(depth, plain, images):
    model = model_of(*OURS, depth=depth)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(plain.get_layer(layer.name).get_weights())
    np.testing.assert_allclose(array(model(images)), array(plain(images)), atol=1e-4)
    own = model.get_weights()
    model.set_weights(own)
    np.testing.assert_array_equal(model.get_weights()[0], own[0])


@pytest.mark.parametrize("depth", [1, 2])
def test_a_file_of_a_plain_model_is_split(depth, plain, images, tmp_path):
    plain.save_weights(tmp_path / "plain.weights.h5")
    model = model_of(*OURS, depth=depth)
    with pytest.warns(UserWarning, match="takes the weights of 'layers/.*, a plain layer"):
        model.load_weights(tmp_path / "plain.weights.h5")
    np.testing.assert_allclose(array(model(images)), array(plain(images)), atol=1e-4)
    model.save_weights(tmp_path / "own.weights.h5")
    again = model_of(*OURS, depth=depth)
    again.load_weights(tmp_path / "own.weights.h5")
    np.testing.assert_array_equal(array(again(images)), array(model(images)))


def test_weights_of_neither_layer():
    layer = FactorizedDense(3)
    layer.build((None, 4))
    with pytest.raises(ValueError, match="weight"):
        layer.set_weights([np.ones((5, 3)), np.ones(3)])
    with pytest.raises(ValueError, match="weight"):
        layer.set_weights([np.ones((4, 3))])


def test_what_only_plain_layers_do_is_refused_in_one_line():
    layer = FactorizedDense(4, name="head")
    layer.build((None, 4))
    with pytest.raises(InputError, match=r"no lora_rank.*Received: lora_rank=2"):
        FactorizedDense(4, lora_rank=2)
    with pytest.raises(InputError, match=r"collapse\(model\), then enable_lora. Received: head"):
        layer.enable_lora(2)
    with pytest.raises(NotImplementedError, match=r"collapse\(model\), then quantize.*head"):
        layer.quantize("int8")
    model = keras.Sequential([keras.Input((4,)), layer])
    with pytest.warns(UserWarning) as warned:
        model.quantize("int8")
    assert any("collapse(model), then quantize" in str(warning.message) for warning in warned)


@pytest.mark.parametrize("factorised", [FactorizedDense, FactorizedConv2D, FactorizedEinsumDense])
def test_a_config_of_the_plain_layer_is_taken(factorised):
    arguments = {"Dense": (3,), "Conv2D": (3, 2), "EinsumDense": ("ab,bc->ac", 3)}
    plain = factorised.plain_class(*arguments[factorised.plain_class.__name__], name="head")
    layer = factorised.from_config(plain.get_config())
    assert (layer.name, layer.depth) == ("head", 2)
    assert layer.plain_layer().get_config() == plain.get_config()


def test_negative_seeds_are_seeds_on_every_backend():
    for arguments in (
        {"factor_initializer": NearZero(seed=-1)},
        {"kernel_initializer": keras.initializers.GlorotUniform(seed=-1)},
    ):
        layer = FactorizedDense(3, **arguments)
        layer.build((None, 4))
        layer.assign_kernel(np.ones((4, 3)), noise=0.1, seed=-5)
        assert np.abs(array(layer.kernel)).max() > 0


@pytest.mark.parametrize("contraction", ["auto", "kernel", "chain"])
def test_an_empty_batch(contraction):
    for padding in ("same", "valid"):
        conv = FactorizedConv2D(4, 3, depth=3, padding=padding, contraction=contraction)
        assert array(conv(np.zeros((0, 6, 6, 2), "float32"))).size == 0
    assert tuple(FactorizedDense(3, contraction=contraction)(np.zeros((0, 5, 2))).shape) == (
        0,
        5,
        3,
    )


@needs_tensorflow
@pytest.mark.parametrize("contraction", ["auto", "kernel", "chain"])
def test_sparse_inputs(contraction):
    import tensorflow as tf

    dense = np.eye(5, dtype="float32")
    layer = FactorizedDense(3, contraction=contraction)
    model = keras.Sequential([keras.Input((5,), sparse=True), layer])
    actual = model.predict(tf.sparse.from_dense(dense), verbose=0)
    np.testing.assert_allclose(actual, array(layer.kernel), atol=1e-6)
