"""`collapse` as the inverse of `overparameterize`: only Keras layers remain."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from overparam_tf.layers import FactorizedDense
from overparam_tf.surgery import collapse, overparameterize, verify_equivalent
from overparam_tf.surgery._rebuild import is_graph, layers_by_path
from tests.backends import needs_tensorflow
from tests.surgery.models import MODELS, built, sequential

# What a copy leaves plain, it names in a warning; `test_targets` holds it.
pytestmark = pytest.mark.filterwarnings("ignore:weights that stay as they are")


def trained_deep(name="sequential", **options):
    """Return a factorised model after a few steps, with a loss on all its outputs."""
    deep = overparameterize(built(name), copy=True, **options)
    rng = np.random.default_rng(2)
    for weight in deep.trainable_weights:
        weight.assign(weight + 0.05 * rng.normal(size=weight.shape))
    return deep


def configs(model):
    # The same lambda is written to different bytes once it has been read.
    leaves = {path: layer for path, layer in layers_by_path(model).items() if not is_graph(layer)}
    return {
        path: layer.get_config()
        for path, layer in leaves.items()
        if not isinstance(layer, layers.Lambda)
    }


@pytest.mark.parametrize("name", MODELS)
def test_round_trip(name):
    model = built(name)
    back = collapse(overparameterize(model, depth=3, copy=True))
    assert [w.shape for w in back.weights] == [w.shape for w in model.weights]
    for new, old in zip(back.weights, model.weights, strict=True):
        np.testing.assert_allclose(new, old, atol=2e-6)
    assert configs(back) == configs(model)


@pytest.mark.parametrize("name", MODELS)
def test_moved_factors_collapse_to_their_product(name):
    deep = trained_deep(name, depth=2, width=10)
    plain = collapse(deep)
    verify_equivalent(deep, plain, rtol=1e-5)
    assert "overparam_tf" not in json.dumps(plain.get_config())


def test_factor_biases_are_folded():
    layer = FactorizedDense(
        3, depth=3, use_bias=False, use_factor_biases=True, bias_initializer="ones"
    )
    deep = keras.Sequential([keras.Input((4,)), layer])
    plain = collapse(deep)
    assert plain.layers[0].use_bias
    verify_equivalent(deep, plain, rtol=1e-5)


def test_dense_configuration_survives_the_round_trip():
    dense = layers.Dense(
        3, "gelu", kernel_regularizer=keras.regularizers.L2(0.1), trainable=False, name="head"
    )
    model = keras.Sequential([keras.Input((4,)), dense])
    assert collapse(overparameterize(model, copy=True)).layers[0].get_config() == dense.get_config()


def test_without_factorised_layers_it_is_a_copy():
    model = sequential()
    copy = collapse(model, copy=True)
    assert copy is not model and all(map(np.array_equal, copy.get_weights(), model.get_weights()))


def test_compile_carries_over():
    deep = overparameterize(sequential(), copy=True)
    deep.compile(keras.optimizers.SGD(0.125), "mse", metrics=["mae"])
    plain = collapse(deep, compile=True)
    assert float(plain.optimizer.learning_rate) == 0.125 and len(plain.optimizer.variables) > 0
    assert not collapse(deep).compiled


def test_keras_file_needs_nothing_of_this_project(tmp_path):
    deep = trained_deep("nested")
    collapse(deep).save(tmp_path / "plain.keras")
    with keras.saving.custom_object_scope({}):
        verify_equivalent(deep, keras.saving.load_model(tmp_path / "plain.keras"), rtol=1e-5)


@needs_tensorflow
@pytest.mark.parametrize("name", ["sequential", "convolutional"])
def test_saved_model_export(name, tmp_path):
    import tensorflow as tf

    deep = trained_deep(name)
    collapse(deep).export(tmp_path / "exported", verbose=False)
    exported, x = (
        tf.saved_model.load(tmp_path / "exported"),
        keras.random.normal((4, *deep.inputs[0].shape[1:])),
    )
    np.testing.assert_allclose(exported.serve(x), deep(x), rtol=1e-4, atol=1e-5)


@needs_tensorflow
@pytest.mark.filterwarnings("ignore")  # of the converter itself
@pytest.mark.parametrize("name", ["sequential", "convolutional"])
def test_tflite_export(name):
    import tensorflow as tf

    deep = trained_deep(name)
    x = keras.random.normal((1, *deep.inputs[0].shape[1:]))
    interpreter = tf.lite.Interpreter(
        model_content=tf.lite.TFLiteConverter.from_keras_model(collapse(deep)).convert()
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(output, deep(x), rtol=1e-4, atol=1e-5)


class Composite(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inside = FactorizedDense(2, name="inside")

    def build(self, shape):
        self.inside.build(shape)

    def call(self, x):
        return self.inside(x)


@pytest.mark.parametrize(
    "layer",
    [Composite, lambda **kw: layers.TimeDistributed(FactorizedDense(2, name="inside"), **kw)],
)
def test_factors_inside_other_layers_become_plain_where_they_are(layer):
    outer = layer(name="outer")
    model = keras.Sequential([keras.Input((5, 3)), outer])
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    before = keras.ops.convert_to_numpy(model(x))
    assert collapse(model) is model and model.layers[0] is outer
    (inside,) = outer._flatten_layers(include_self=False)
    assert type(inside) is layers.Dense and [w.name for w in model.weights] == ["kernel", "bias"]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), before, atol=1e-5)


@keras.saving.register_keras_serializable("overparam_tf_tests")
class OwnAndInPlace(keras.Model):
    """A model with a factorised layer of its own beside a plain one that becomes a product."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.plain = layers.Dense(4, "tanh")
        self.deep = FactorizedDense(3, kernel_regularizer="l2")

    def call(self, x):
        return self.deep(self.plain(x))


def own_functional():
    inputs = keras.Input((5,))
    return keras.Model(inputs, FactorizedDense(3)(layers.Dense(4, "tanh")(inputs)))


@pytest.mark.parametrize("build", [OwnAndInPlace, own_functional])
def test_a_factorised_layer_stays_itself_beside_products_in_place(build, tmp_path):
    model = build()
    x = np.random.default_rng(3).normal(size=(6, 5)).astype("float32")
    expected = keras.ops.convert_to_numpy(model(x))
    overparameterize(model, depth=3)
    (deep,) = [layer for layer in model.layers if isinstance(layer, FactorizedDense)]
    assert type(deep) is FactorizedDense and len(deep.factors) == 2
    model.save(tmp_path / "products.keras")
    loaded = keras.models.load_model(tmp_path / "products.keras")
    plain = [collapse(each) for each in (model, loaded)]
    for each in plain:
        assert not [layer for layer in each.layers if isinstance(layer, FactorizedDense)]
        np.testing.assert_allclose(keras.ops.convert_to_numpy(each(x)), expected, atol=1e-5)
