"""Models with products in TensorFlow's own formats, and under a training step of their own."""

import keras
import numpy as np
import pytest
from keras import layers

from overparam_tf.surgery import collapse, overparameterize
from tests.backends import needs_tensorflow

pytestmark = [needs_tensorflow, pytest.mark.slow]
X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
Y = X[:, :2]


@keras.saving.register_keras_serializable("overparam_tf_tests")
class OwnStep(keras.Model):
    """A model whose training step is written by hand, as the guides of Keras show it."""

    def train_step(self, data):
        import tensorflow as tf

        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return {"loss": loss, "by_hand": tf.ones(())}


def own_model():
    inputs = keras.Input((4,))
    model = OwnStep(inputs, layers.Dense(2)(layers.Dense(3, "tanh")(inputs)))
    model.compile("adam", "mse", steps_per_execution=2)
    return model


def test_a_step_by_hand_a_saved_model_and_a_checkpoint(tmp_path):
    import tensorflow as tf

    model = overparameterize(own_model(), base="frozen")
    assert "by_hand" in model.fit(X, Y, batch_size=2, epochs=2, verbose=0).history
    trained = model.predict(X, verbose=0)
    model.export(tmp_path / "saved", verbose=False)
    saved = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(saved.serve(X), trained, atol=1e-6)

    def checkpoint(of):
        return tf.train.Checkpoint(model=of, optimizer=of.optimizer)

    path = checkpoint(model).save(str(tmp_path / "checkpoint"))
    other = overparameterize(own_model(), base="frozen")
    checkpoint(other).restore(path).assert_existing_objects_matched()
    np.testing.assert_allclose(other.predict(X, verbose=0), trained, atol=1e-6)
    np.testing.assert_allclose(collapse(other).predict(X, verbose=0), trained, atol=1e-6)


@pytest.mark.filterwarnings("ignore")  # of the converter itself
def test_tensorflow_lite_after_collapse():
    import tensorflow as tf

    model = collapse(overparameterize(own_model()))
    flat = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    interpreter = tf.lite.Interpreter(model_content=flat)
    (x,), (y,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(x["index"], X.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(x["index"], X)
    interpreter.invoke()
    outputs = interpreter.get_tensor(y["index"])
    np.testing.assert_allclose(outputs, model.predict(X, verbose=0), atol=1e-5)
