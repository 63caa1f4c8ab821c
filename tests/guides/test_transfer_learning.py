"""Transfer learning and fine-tuning: a frozen base with a new head, then all of it unfrozen."""

import keras
import numpy as np

from tests.backends import needs_tensorflow
from tests.guides.forms import all_forms

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 6, 6, 2)).astype("float32")
Y = X.mean((1, 2))[:, :1]


def base_of(form):
    inputs = keras.Input((6, 6, 2))
    x = form.Conv2D(4, 3, name="conv")(inputs)
    x = keras.layers.BatchNormalization()(x)
    return keras.Model(inputs, keras.layers.ReLU()(x), name="base")


def values(model):
    return [keras.ops.convert_to_numpy(weight) for weight in model.get_layer("base").weights]


def moved(before, model):
    return [bool(np.any(one != other)) for one, other in zip(before, values(model), strict=True)]


@needs_tensorflow
@all_forms
def test_a_frozen_base_and_its_fine_tuning(form):
    base_model = base_of(form)
    base_model.trainable = False
    inputs = keras.Input((6, 6, 2))
    x = base_model(inputs, training=False)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.2)(x)
    model = form.prepare(keras.Model(inputs, form.Dense(1)(x)))
    model.compile(optimizer=form.optimizer(0.1), loss="mse")
    before = values(model)
    model.fit(X, Y, epochs=2, verbose=0)
    assert not any(moved(before, model))

    base_model = model.get_layer("base")
    base_model.trainable = True
    model.compile(optimizer=form.optimizer(0.01), loss="mse", metrics=["mae"])
    model.fit(X, Y, epochs=2, verbose=0)
    trainable = [weight.trainable for weight in base_model.weights]
    assert sum(trainable) >= 4
    assert all(np.array(moved(before, model))[trainable])
    form.finish(model, X)
