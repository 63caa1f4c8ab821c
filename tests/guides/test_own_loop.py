"""Writing a training loop from scratch: GradientTape, and its counterparts on JAX and PyTorch."""

import keras
import numpy as np

from tests.backends import BACKEND
from tests.guides.forms import all_forms

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 6)).astype("float32")
LABELS = (X[:, :1] > 0).astype("int32")[:, 0] + (X[:, 1] > 0)
BATCHES = [(X[part::4], LABELS[part::4]) for part in range(4)]
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def train_with_tensorflow(model, optimizer, metric, epochs):
    import tensorflow as tf

    @tf.function
    def train_step(x, y):
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            loss_value = loss_fn(y, logits) + sum(model.losses)
        gradients = tape.gradient(loss_value, model.trainable_weights)
        optimizer.apply(gradients, model.trainable_weights)
        metric.update_state(y, logits)
        return loss_value

    return [[float(train_step(x, y)) for x, y in BATCHES] for _ in range(epochs)]


def train_with_jax(model, optimizer, metric, epochs):
    import jax

    def compute_loss(trainable, non_trainable, x, y):
        logits, non_trainable = model.stateless_call(trainable, non_trainable, x, training=True)
        return loss_fn(y, logits), (logits, non_trainable)

    gradient_of = jax.value_and_grad(compute_loss, has_aux=True)

    @jax.jit
    def train_step(state, x, y):
        trainable, non_trainable, of_optimizer, of_metric = state
        (loss, (logits, non_trainable)), gradients = gradient_of(trainable, non_trainable, x, y)
        trainable, of_optimizer = optimizer.stateless_apply(of_optimizer, gradients, trainable)
        of_metric = metric.stateless_update_state(of_metric, y, logits)
        return loss, (trainable, non_trainable, of_optimizer, of_metric)

    optimizer.build(model.trainable_variables)
    variables = [
        model.trainable_variables,
        model.non_trainable_variables,
        optimizer.variables,
        metric.variables,
    ]
    state = tuple([variable.value for variable in group] for group in variables)
    losses = []
    for _ in range(epochs):
        losses.append([])
        for x, y in BATCHES:
            loss, state = train_step(state, x, y)
            losses[-1].append(float(loss))
    for group, values in zip(variables, state, strict=True):
        for variable, value in zip(group, values, strict=True):
            variable.assign(value)
    return losses


def train_with_torch(model, optimizer, metric, epochs):
    import torch

    def train_step(x, y):
        logits = model(torch.from_numpy(x), training=True)
        loss = loss_fn(torch.from_numpy(y), logits)
        model.zero_grad()
        weights = list(model.trainable_weights)
        loss.backward()
        gradients = [weight.value.grad for weight in weights]
        with torch.no_grad():
            optimizer.apply(gradients, weights)
        metric.update_state(torch.from_numpy(y), logits)
        return float(loss.detach())

    return [[train_step(x, y) for x, y in BATCHES] for _ in range(epochs)]


LOOPS = {
    "tensorflow": train_with_tensorflow,
    "jax": train_with_jax,
    "torch": train_with_torch,
}


@all_forms
def test_a_loop_of_ones_own(form):
    inputs = keras.Input((6,), name="digits")
    hidden = form.Dense(8, activation="relu", name="dense_1")(inputs)
    model = form.prepare(keras.Model(inputs, form.Dense(3, name="predictions")(hidden)))
    metric = keras.metrics.SparseCategoricalAccuracy()
    losses = LOOPS[BACKEND](model, form.optimizer(0.2), metric, epochs=8)
    assert np.mean(losses[-1]) < 0.8 * np.mean(losses[0])
    assert float(metric.result()) > 0.4
    form.finish(model, X)
