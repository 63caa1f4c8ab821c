"""Customizing what happens in `fit`: a model with a `train_step` of its own, on every backend."""

import keras
import numpy as np

from tests.backends import BACKEND
from tests.guides.forms import all_forms

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 6)).astype("float32")
Y = X[:, :2] - X[:, 2:4]


class TensorFlowStep(keras.Model):
    """A model whose step is written with a GradientTape."""

    def train_step(self, data):
        import tensorflow as tf

        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


class JaxStep(keras.Model):
    """A model whose step is written with `jax.value_and_grad`."""

    def loss_and_updates(self, trainable, non_trainable, x, y):
        y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x, training=True)
        return self.compute_loss(x, y, y_pred), (y_pred, non_trainable)

    def train_step(self, state, data):
        import jax

        trainable, non_trainable, of_optimizer, of_metrics = state
        x, y = data
        gradient_of = jax.value_and_grad(self.loss_and_updates, has_aux=True)
        (loss, (y_pred, non_trainable)), gradients = gradient_of(trainable, non_trainable, x, y)
        trainable, of_optimizer = self.optimizer.stateless_apply(of_optimizer, gradients, trainable)
        logs, new = {}, []
        for metric in self.metrics:
            values = of_metrics[len(new) : len(new) + len(metric.variables)]
            seen = (loss,) if metric.name == "loss" else (y, y_pred)
            values = metric.stateless_update_state(values, *seen)
            logs[metric.name] = metric.stateless_result(values)
            new += values
        return logs, (trainable, non_trainable, of_optimizer, new)


class TorchStep(keras.Model):
    """A model whose step is written with `backward`."""

    def train_step(self, data):
        import torch

        x, y = data
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=y_pred)
        loss.backward()
        weights = list(self.trainable_weights)
        with torch.no_grad():
            self.optimizer.apply([weight.value.grad for weight in weights], weights)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


CustomModel = {"tensorflow": TensorFlowStep, "jax": JaxStep, "torch": TorchStep}[BACKEND]


@all_forms
def test_a_train_step_of_ones_own(form):
    inputs = keras.Input((6,))
    hidden = form.Dense(8, activation="relu")(inputs)
    model = form.prepare(CustomModel(inputs, form.Dense(2)(hidden)))
    assert isinstance(model, CustomModel)
    model.compile(optimizer=form.optimizer(0.1), loss="mse", metrics=["mae"])
    history = model.fit(X, Y, batch_size=16, epochs=8, verbose=0).history
    first, *_, last = history["loss"]
    assert last < 0.8 * first and len(history["mae"]) == 8
    assert isinstance(form.finish(model, X), CustomModel)
