"""Getting started with KerasTuner: a function of hyperparameters that builds a model."""

import keras
import numpy as np
import pytest

from tests.backends import needs_tensorflow
from tests.guides.forms import all_forms

X = np.random.default_rng(0).normal(size=(16, 6)).astype("float32")
Y = X[:, :1]


# KerasTuner calls a function of Python's threading that is deprecated.
@pytest.mark.filterwarnings("ignore:currentThread:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:getName:DeprecationWarning")
@needs_tensorflow
@all_forms
def test_a_search(form, tmp_path):
    keras_tuner = pytest.importorskip("keras_tuner")

    def build_model(hp):
        hidden = form.Dense(units=hp.Int("units", 2, 4, step=2), activation="relu")
        model = form.prepare(keras.Sequential([keras.Input((6,)), hidden, form.Dense(1)]))
        rate = hp.Float("lr", min_value=1e-2, max_value=1e-1, sampling="log")
        model.compile(optimizer=form.optimizer(rate), loss="mse", jit_compile=False)
        return model

    tuner = keras_tuner.RandomSearch(
        build_model, objective="val_loss", max_trials=2, seed=0, directory=tmp_path
    )
    tuner.search(X, Y, epochs=1, validation_data=(X, Y), verbose=0)
    (model,) = tuner.get_best_models()
    (best,) = tuner.oracle.get_best_trials()
    # The weights that the search saved, loaded into a new model.
    loss = model.evaluate(X, Y, verbose=0)
    assert loss == pytest.approx(best.score, rel=1e-4)
    form.finish(model, X)
