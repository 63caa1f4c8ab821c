"""A `tf.data` pipeline with ModelCheckpoint, EarlyStopping and BackupAndRestore."""

import keras
import numpy as np
import pytest

from tests.backends import needs_tensorflow
from tests.guides.forms import all_forms

X = np.random.default_rng(0).normal(size=(32, 6)).astype("float32")
Y = X[:, :2] - X[:, 2:4]


class Stop(keras.callbacks.Callback):
    """A power cut at the begin of an epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            raise KeyboardInterrupt


# Keras says so of its own default, which a dataset ignores.
@pytest.mark.filterwarnings("ignore:.*shuffle=True. was passed:UserWarning")
@needs_tensorflow
@all_forms
def test_an_interrupted_training_goes_on(form, tmp_path):
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8).prefetch(tf.data.AUTOTUNE)

    def trained(folder, *others):
        keras.utils.set_random_seed(0)
        model = form.prepare(
            keras.Sequential([keras.Input((6,)), form.Dense(4, "relu"), form.Dense(2)])
        )
        model.compile(form.optimizer(0.05), "mse", jit_compile=False)
        best = {"monitor": "loss", "mode": "min"}
        callbacks = [
            keras.callbacks.ModelCheckpoint(folder / "best.keras", save_best_only=True, **best),
            keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True, **best),
            keras.callbacks.BackupAndRestore(folder / "backup"),
            *others,
        ]
        history = model.fit(dataset, epochs=5, callbacks=callbacks, verbose=0)
        return model, history.history["loss"]

    whole, losses = trained(tmp_path / "whole")
    assert losses == sorted(losses, reverse=True)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "cut", Stop())
    continued, rest = trained(tmp_path / "cut")
    np.testing.assert_allclose(rest, losses[3:], rtol=1e-5)
    best = keras.models.load_model(tmp_path / "cut" / "best.keras")
    for model in (continued, best):
        np.testing.assert_allclose(
            model.predict(X, verbose=0), whole.predict(X, verbose=0), atol=1e-5
        )
    form.finish(best, X)
