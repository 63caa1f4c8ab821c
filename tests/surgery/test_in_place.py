"""Products in place: any model, the same function, training, every checkpoint, and back."""

import re

import keras
import numpy as np
import pytest
from keras import layers, ops

from overparam_tf import InputError
from overparam_tf.products import Product
from overparam_tf.surgery import collapse, overparameterize
from tests.backends import BACKEND
from tests.surgery.any_model import MODELS, Block, blocks, subclassed

pytestmark = pytest.mark.filterwarnings("ignore:weights that stay as they are")


def data(model):
    """Return inputs for a model and targets of the shape of its output."""
    shape = (4, *model.inputs[0].shape[1:]) if getattr(model, "inputs", None) else (4, 5)
    rng = np.random.default_rng(0)
    if getattr(model, "inputs", None) and "int" in model.inputs[0].dtype:
        x = rng.integers(0, 11, size=shape)
    else:
        x = rng.normal(size=shape).astype("float32")
    return x, 1 + outputs(model, x)


def outputs(model, x):
    return ops.convert_to_numpy(model(ops.convert_to_tensor(x), training=False))


def described(model):
    return [(v.path, tuple(v.shape), v.trainable) for v in model.variables]


@pytest.mark.parametrize("name", MODELS)
def test_there_and_back(name, tmp_path):
    model = MODELS[name]()
    x, y = data(model)
    before, plain = outputs(model, x), described(model)
    classes = [type(layer) for layer in model._flatten_layers()]
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    model.save_weights(tmp_path / "plain.weights.h5")

    assert overparameterize(model, depth=3) is model
    np.testing.assert_allclose(outputs(model, x), before, atol=1e-5)
    assert len(model.trainable_variables) > len(plain) and not any(
        isinstance(variable, Product) for variable in model.variables
    )
    for layer, plain_class in zip(model._flatten_layers(), classes, strict=True):
        assert isinstance(layer, plain_class)

    losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    trained = outputs(model, x)
    model.save(tmp_path / "deep.keras")
    model.save_weights(tmp_path / "deep.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "deep.keras")
    np.testing.assert_allclose(outputs(loaded, x), trained, atol=1e-5)
    assert len(loaded.trainable_variables) == len(model.trainable_variables)
    loaded.load_weights(tmp_path / "plain.weights.h5")
    np.testing.assert_allclose(outputs(loaded, x), before, atol=1e-5)
    loaded.load_weights(tmp_path / "deep.weights.h5")
    np.testing.assert_allclose(outputs(loaded, x), trained, atol=1e-5)

    assert collapse(model) is model and described(model) == plain
    np.testing.assert_allclose(outputs(model, x), trained, atol=1e-5)
    assert [type(layer) for layer in model._flatten_layers()] == classes
    model.load_weights(tmp_path / "plain.weights.h5")
    np.testing.assert_allclose(outputs(model, x), before, atol=1e-6)
    model.fit(x, y, verbose=0)


def trainable(model):
    return [variable.path for variable in model.trainable_variables]


def test_single_frozen_weights_stay_frozen():
    dense = [layers.Dense(3, name="first"), layers.BatchNormalization(name="norm")]
    model = keras.Sequential([keras.Input((4,)), *dense, layers.Dense(2, name="last")])
    for weight in (dense[0].kernel, dense[1].gamma, model.layers[-1].bias):
        weight.trainable = False
    kept = [path.partition("/")[2] for path in trainable(model)]

    def names(other):
        """Return the trainable variables, a product by the name of its kernel."""
        paths = [path.partition("/")[2] for path in trainable(other)]
        return list(dict.fromkeys(re.sub(r"(kernel_)?factor_\d$", "kernel", p) for p in paths))

    copies = [overparameterize(model, copy=True), overparameterize(model, layers="last", copy=True)]
    for copy in (*copies, *map(collapse, copies), overparameterize(model), collapse(model)):
        assert names(copy) == kept


@keras.saving.register_keras_serializable("overparam_tf_tests")
class Tied(layers.Layer):
    """A decoder that uses its encoder's kernel, found anew at each call or held as an attribute."""

    def __init__(self, encoder, holds=False, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.holds = encoder, holds

    def build(self, shape):
        self.held = self.encoder.kernel if self.holds else None

    def call(self, x):
        kernel = self.held if self.holds else self.encoder.kernel
        return ops.matmul(x, ops.transpose(kernel))

    def get_config(self):
        encoder = keras.saving.serialize_keras_object(self.encoder)
        return {**super().get_config(), "encoder": encoder, "holds": self.holds}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config.pop("encoder")), **config)


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("holds", [True, False])
def test_tied_kernels_stay_tied(holds, copy, tmp_path):
    encoder = layers.Dense(3, use_bias=False, name="encoder")
    inputs = keras.Input((5,))
    model = keras.Model(inputs, Tied(encoder, holds, name="decoder")(encoder(inputs)))
    x, _ = data(model)
    before = outputs(model, x)
    model.save_weights(tmp_path / "plain.weights.h5")
    deep = overparameterize(model, copy=copy)
    assert len(deep.trainable_variables) == 2
    np.testing.assert_allclose(outputs(deep, x), before, atol=1e-5)
    for variable in deep.trainable_variables:
        variable.assign(2 * variable)
    moved = outputs(deep, x)
    np.testing.assert_allclose(moved, 16 * before, rtol=1e-4, atol=1e-5)
    deep.save(tmp_path / "deep.keras")
    loaded = keras.saving.load_model(tmp_path / "deep.keras")
    np.testing.assert_allclose(outputs(loaded, x), moved, atol=1e-5)
    loaded.load_weights(tmp_path / "plain.weights.h5")
    np.testing.assert_allclose(outputs(loaded, x), before, atol=1e-5)
    assert len(collapse(deep).trainable_variables) == 1
    np.testing.assert_allclose(outputs(deep, x), moved, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("copy", [True, False])
def test_what_weight_decay_excludes_stays_excluded(copy):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)])
    optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay([model.layers[0].kernel], ["bias"])
    model.compile(optimizer, "mse")

    def decays(other):
        return [other.optimizer._use_weight_decay(v) for v in other.trainable_variables]

    deep = overparameterize(model, copy=copy, compile=copy)
    assert decays(deep) == [False, False, False, True, True, False]
    assert deep.optimizer is not optimizer and deep.compiled
    assert decays(collapse(deep, compile=copy)) == [False, False, True, False]


def test_on_an_error_nothing_is_changed():
    model = subclassed()
    with pytest.raises(InputError, match="widths >= "):
        overparameterize(model, width=3)
    assert not any("factor" in variable.path for variable in model.variables)
    assert type(model) is MODELS["subclassed"]().__class__


@pytest.mark.parametrize("method", ["quantize", "enable_lora"])
def test_what_needs_a_plain_kernel_says_so(method):
    model = overparameterize(keras.Sequential([keras.Input((4,)), layers.Dense(3)]))
    with pytest.raises(InputError, match=rf"for {method}: call overparam_tf.collapse"):
        getattr(model.layers[0], method)("int8" if method == "quantize" else 2)


def test_weights_of_the_plain_model_are_split():
    block = Block()
    block.build((None, 7, 8))
    plain = [2 * weight for weight in block.get_weights()]
    model = keras.Sequential([keras.Input((7, 8)), block])
    overparameterize(model)
    block.set_weights(plain)
    collapse(model)
    for weight, value in zip(block.get_weights(), plain, strict=True):
        np.testing.assert_allclose(weight, value, atol=1e-5)


def test_a_copy_of_any_model():
    model = blocks()
    x, _ = data(model)
    before, paths = outputs(model, x), described(model)
    deep = overparameterize(model, layers="block", copy=True)
    assert deep is not model and described(model) == paths
    np.testing.assert_allclose(outputs(deep, x), before, atol=1e-5)
    plain = collapse(deep, copy=True)
    assert len(plain.weights) == len(model.weights) < len(deep.weights)
    np.testing.assert_allclose(outputs(plain, x), before, atol=1e-5)


@pytest.mark.skipif(BACKEND != "torch", reason="PyTorch's own")
def test_pytorch_finds_the_factors_among_the_parameters():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    for change, count in ((overparameterize, 3), (collapse, 2)):
        change(model)
        found = {id(parameter) for parameter in model.parameters()}
        assert found == {id(variable.value) for variable in model.variables}
        assert len(found) == count


def test_functions_compiled_before_follow_the_new_variables():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, use_bias=False)])
    x = np.ones((2, 4), "float32")
    before = model.predict(x, verbose=0)
    for change in (overparameterize, collapse):
        change(model)
        weight = model.trainable_variables[0]
        weight.assign(2 * weight)
        after = model.predict(x, verbose=0)
        np.testing.assert_allclose(after, 2 * before, rtol=1e-5)
        before = after
