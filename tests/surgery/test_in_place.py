"""Products in place: any model, the same function, training, every checkpoint, and back."""

import keras
import numpy as np
import pytest
from keras import ops

from overparam_tf.products import Product
from overparam_tf.surgery import collapse, overparameterize
from tests.surgery.any_model import MODELS

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
