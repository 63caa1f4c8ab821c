"""Copies by `overparameterize`: the same function, shared and frozen layers, the original kept."""

import keras
import numpy as np
import pytest
from keras import layers

from overparam_tf import InputError
from overparam_tf.layers import FactorizedDense
from overparam_tf.surgery import overparameterize as overparameterize_in_place
from overparam_tf.surgery import verify_equivalent
from overparam_tf.surgery._rebuild import layers_by_path
from tests.backends import needs_float64, needs_tensorflow
from tests.surgery.models import MODELS, built, convolutional, nested, sequential

# What a copy leaves plain, it names in a warning; `test_targets` holds it.
pytestmark = pytest.mark.filterwarnings("ignore:weights that stay as they are")
CONVERTED = ("Dense", "Conv2D", "EinsumDense", "MultiHeadAttention")


def overparameterize(model, *args, **options):
    return overparameterize_in_place(model, *args, copy=True, **options)


def kinds(model):
    return {path: type(layer).__name__ for path, layer in layers_by_path(model).items()}


@pytest.mark.parametrize(
    "options", [{}, {"depth": 1}, {"depth": 3, "width": 12}, {"initializer": "identity"}], ids=str
)
@pytest.mark.parametrize("name", MODELS)
def test_computes_the_same_function(name, options):
    model = built(name)
    before, weights = kinds(model), model.get_weights()
    deep = overparameterize(model, **options)
    verify_equivalent(model, deep, rtol=5e-6)
    assert kinds(model) == before and all(map(np.array_equal, weights, model.get_weights()))
    assert kinds(deep) == {
        path: f"Factorized{kind}" if kind in CONVERTED else kind for path, kind in before.items()
    }


@needs_float64
def test_float64_is_kept():
    with_float64 = keras.Sequential(
        [keras.Input((5,), dtype="float64"), layers.Dense(4, dtype="float64")]
    )
    deep = overparameterize(with_float64, depth=3)
    assert deep.layers[0].factors[0].dtype == "float64"
    assert verify_equivalent(with_float64, deep).relative < 1e-14


def test_shared_layers_stay_shared():
    model = built("shared_across")
    deep = overparameterize(model, depth=3)
    assert deep.get_layer("inner").get_layer("block") is deep.get_layer("block")
    assert len(model.weights) == 3 * 2 and len(deep.weights) == 3 * 4


def test_balanced_and_identity_split():
    model = built("sequential")
    kernel = model.get_layer("hidden").kernel.numpy()
    first, second = overparameterize(model).get_layer("hidden").factors
    np.testing.assert_allclose(
        first.numpy().T @ first.numpy(), second.numpy() @ second.numpy().T, atol=1e-6
    )
    first, second = overparameterize(model, initializer="identity").get_layer("hidden").factors
    np.testing.assert_array_equal(first, np.eye(5))
    np.testing.assert_array_equal(second, kernel)


def test_noise_moves_the_factors_and_repeats_with_its_seed():
    model = built("sequential")

    def first_factor(noise, seed, layer="hidden"):
        return overparameterize(model, noise=noise, seed=seed).get_layer(layer).factors[0].numpy()

    quiet, noisy = first_factor(0, 1), first_factor(0.1, 1)
    assert 0.01 < np.std(noisy - quiet) / np.std(quiet) < 1
    np.testing.assert_array_equal(noisy, first_factor(0.1, 1))
    assert not np.allclose(noisy, first_factor(0.1, 2))


@needs_tensorflow  # for text
def test_an_adapted_vocabulary_is_kept():
    lookup = layers.StringLookup(output_mode="multi_hot")
    lookup.adapt(["one", "two", "two"])
    model = keras.Sequential([keras.Input((2,), dtype="string"), lookup, layers.Dense(2)])
    words = keras.ops.convert_to_tensor([["one", "two"], ["one", "three"]])
    verify_equivalent(model, overparameterize(model), words)


def test_frozen_layers_stay_frozen():
    model = nested()
    block = model.get_layer("inner").get_layer("block")
    block.trainable = False
    block.get_layer("wide").trainable = True
    model.get_layer("inner").get_layer("inner_dense").trainable = False
    deep = overparameterize(model)
    frozen = [
        {path for path, layer in layers_by_path(m).items() if not layer.trainable}
        for m in (model, deep)
    ]
    assert (
        frozen[0]
        == {"inner/block", "inner/block/norm", "inner/block/narrow", "inner/inner_dense"}
        == frozen[1]
    )


def test_factorised_layers_are_left_alone():
    model = keras.Sequential(
        [keras.Input((4,)), FactorizedDense(3, depth=4, name="deep"), layers.Dense(2)]
    )
    deep = overparameterize(overparameterize(model, depth=2), depth=3)
    assert [layer.depth for layer in deep.layers] == [4, 2]
    verify_equivalent(model, deep, rtol=1e-5)


def compiled(loss="mse"):
    model = built("sequential")
    model.compile(keras.optimizers.Adam(0.025, clipnorm=1.0), loss=loss, metrics=["mae"])
    model.fit(np.ones((4, 5)), np.ones((4, 3)), verbose=0)
    return model


def test_compile_carries_over_with_fresh_state():
    model = compiled()
    deep = overparameterize(model, compile=True)
    assert deep.optimizer is not model.optimizer and int(deep.optimizer.iterations) == 0
    assert deep.optimizer.get_config() == model.optimizer.get_config()
    x, y = np.ones((4, 5)), np.zeros((4, 3))
    np.testing.assert_allclose(
        deep.evaluate(x, y, verbose=0), model.evaluate(x, y, verbose=0), rtol=1e-5
    )


def test_without_compile_the_loss_may_be_anything():
    model = compiled(loss=lambda y, prediction: keras.ops.mean((y - prediction) ** 2))
    assert not overparameterize(model).compiled and model.compiled
    with pytest.raises(InputError, match="leave compile=False"):
        overparameterize(model, compile=True)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x):
        return self.dense(x)


class FunctionalWithArguments(keras.Model):
    def __init__(self, units):
        inputs = keras.Input((3,))
        super().__init__(inputs, layers.Dense(units)(inputs))


def quantised():
    model = sequential()
    model.get_layer("hidden").quantize("int8")
    return model


def constrained():
    return keras.Sequential(
        [keras.Input((3,)), layers.Dense(2, kernel_constraint="non_neg", name="head")]
    )


def with_lora():
    model = sequential()
    model.get_layer("hidden").enable_lora(2)
    return model


@pytest.mark.parametrize(
    "model, options, message",
    [
        (Subclassed, {}, "unbuilt model"),
        (lambda: FunctionalWithArguments(2), {}, "that Keras can save and load again"),
        (lambda: keras.Sequential([layers.Dense(2)]), {}, "unbuilt model"),
        (lambda: layers.Dense(2), {}, "Expected a Keras model"),
        (lambda: keras.Sequential([keras.Input((3,)), layers.ReLU()]), {}, "layer of type Dense"),
        (quantised, {"layers": "hidden"}, "not quantised.*in layer 'hidden'"),
        (with_lora, {"layers": "hidden"}, "without LoRA.*in layer 'hidden'"),
        (sequential, {"depth": 0}, "positive integer for depth"),
        (sequential, {"width": 4}, "widths >= 5.*in layer 'hidden'"),
        (sequential, {"width": 4, "initializer": "identity"}, "widths >= min.*in layer 'hidden'"),
        (sequential, {"depth": 3, "width": [7]}, "2 widths"),
        (convolutional, {"width": 27}, "divisible by groups = 2.*in layer 'grouped'"),
        (constrained, {"layers": "head"}, "without constraints.*in layer 'head'"),
        (constrained, {}, "a kernel to convert.*expected a layer without constraints"),
        (sequential, {"initializer": "glorot"}, "'balanced', 'identity' for initializer"),
        (sequential, {"noise": -1.0}, "noise"),
        (sequential, {"compile": True}, "Expected a compiled model"),
    ],
)
def test_bad_input_is_one_clear_line(model, options, message):
    with pytest.raises(InputError, match=message) as caught:
        overparameterize(model(), **options)
    assert "\n" not in str(caught.value)


def test_merged_lora_weights_can_be_converted(tmp_path):
    tuned, plain = with_lora(), sequential()
    tuned.get_layer("hidden").lora_kernel_b.assign(np.ones((2, 7)))
    tuned.save_weights(tmp_path / "tuned.weights.h5")
    plain.load_weights(tmp_path / "tuned.weights.h5")
    verify_equivalent(tuned, overparameterize(plain))
