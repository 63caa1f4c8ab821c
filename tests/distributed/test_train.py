"""On one device: Keras's own `fit` is the oracle."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from overparam_tf import EndToEndMonitor, FactorizedDense, train
from overparam_tf.checkpoints import Checkpoints
from tests.distributed.cases import (
    BATCH,
    CASES,
    MORE_CASES,
    cnn,
    cross_entropy,
    halving,
    images,
    sgd,
)


class Noise(layers.Layer):
    """Draws from Keras's global generator."""

    def call(self, x):
        return x + keras.random.normal((1,))


ONE_DEVICE = {
    name: case
    for name, case in (CASES | MORE_CASES).items()
    if name not in ("one step a call", "XLA")
}
ONE_DEVICE |= {
    "dropout, batch normalization": (
        lambda: cnn(layers.Dropout(0.5, seed=1), layers.BatchNormalization()),
        sgd,
        {},
    ),
    "noise without a generator": (lambda: cnn(Noise()), sgd, {}),
    "moving average in use": (cnn, lambda: sgd(use_ema=True, ema_overwrite_frequency=3), {}),
    "accumulated gradients": (cnn, lambda: sgd(gradient_accumulation_steps=2), {}),
}
QUICK = (
    "noise without a generator",
    "dropout, batch normalization",
    "decay and moving average",
    "weighted mean",
)
SLOW = pytest.mark.slow
FIT = {"batch_size": BATCH, "epochs": 5}  # 35 steps


def fresh(build=cnn, optimizer=sgd):
    keras.utils.set_random_seed(5)
    return build(), optimizer()


def weights_of(model):
    return [np.array(variable) for variable in model.variables]


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=SLOW) for name in ONE_DEVICE if name not in QUICK)]
)
def test_one_device_trains_as_fit_does(name):
    build, optimizer, options = ONE_DEVICE[name]
    x, y, weights = images()
    reduction = options.get("reduction", "sum_over_batch_size")
    data = (x, y, weights) if "reduction" in options else (x, y)
    model, rule = fresh(build, optimizer)
    training = train(
        model,
        data,
        cross_entropy(reduction),
        rule,
        validation=(x[:37], y[:37]),
        metrics=["accuracy"],
        steps_per_call=3,
        **FIT,
    )
    kept = weights_of(model)
    model, rule = fresh(build, optimizer)
    model.compile(rule, cross_entropy(reduction), metrics=["accuracy"])
    rule.build(model.trainable_variables)  # by `fit` it is built in a trace, which is then repeated
    history = model.fit(
        x,
        y,
        sample_weight=weights if len(data) == 3 else None,
        shuffle=False,
        verbose=0,
        validation_data=(x[:37], y[:37]),
        validation_batch_size=BATCH,
        **FIT,
    ).history
    names = set(history) - (
        {"loss", "val_loss"} if reduction == "sum" else set()
    )  # `fit` weights sums with rows too
    for column in names:
        np.testing.assert_allclose(training.epochs[column], history[column], 1e-5, err_msg=column)
    for ours, fits in zip(kept, weights_of(model), strict=True):
        np.testing.assert_allclose(ours, fits, 1e-5, 1e-6)


class Updates(keras.metrics.Sum):
    """Counts the batches."""

    def update_state(self, *arguments, **weights):
        super().update_state(1.0)


@pytest.mark.parametrize("size, updates", [(None, 3), (10, 4)])
def test_validation_batches_have_their_own_size(size, updates):
    x, y, _ = images()
    model, optimizer = fresh()
    validation = x[:37], y[:37]
    training = train(
        model, (x, y), cross_entropy(), optimizer, batch_size=BATCH, epochs=1,
        validation=validation, validation_batch_size=size, metrics=[Updates(name="updates")],
    )  # fmt: skip
    assert training.epochs["val_updates"] == [updates]
    model.compile(loss=cross_entropy(), metrics=[])
    assert training.epochs["val_loss"] == pytest.approx(
        [model.evaluate(*validation, verbose=0)], rel=1e-5
    )


class Counted(keras.regularizers.L2):
    """Counts how often it is computed."""

    calls = 0

    def __call__(self, kernel):
        self.calls += 1
        return super().__call__(kernel)


def test_penalties_on_weights_are_computed_once_an_evaluation():
    x, y, _ = images(24)
    counted, calls = Counted(0.5), []
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(3, activity_regularizer="l1", kernel_regularizer=counted),
            FactorizedDense(4, kernel_regularizer=keras.regularizers.L2(0.5)),
        ]
    )
    model.compile(sgd(), cross_entropy(), run_eagerly=True)
    at_tests = keras.callbacks.LambdaCallback()
    at_tests.on_test_begin = at_tests.on_test_end = lambda logs=None: calls.append(counted.calls)
    sets = {"all": (x, y), "some": (x[:10], y[:10])}
    training = train(
        model, x, y, batch_size=12, callbacks=[at_tests],
        validation_data=sets, validation_batch_size=3, steps_per_call=3,
    )  # fmt: skip
    assert (np.diff(calls) == [1, 0, 1]).all()
    for name, rows in sets.items():
        expected = model.evaluate(*rows, batch_size=3, verbose=0)
        assert training.history[f"{name}_loss"] == pytest.approx([expected], rel=1e-6)


def test_a_dataset_of_batches_and_another_number_of_steps_a_call_change_no_bit():
    x, y, _ = images()
    curves = []
    for steps_per_call, batched in itertools.product((1, 10), (False, True)):
        model, optimizer = fresh(lambda: cnn(layers.Dropout(0.5, seed=1)))
        data = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH) if batched else (x, y)
        size = None if batched else BATCH
        training = train(
            model,
            data,
            cross_entropy(),
            optimizer,
            batch_size=size,
            epochs=2,
            steps_per_call=steps_per_call,
        )
        curves.append(training.steps["loss"])
    assert len(curves[0]) == 14 and all((curve == curves[0]).all() for curve in curves)


def test_a_training_stopped_three_times_continues_bit_for_bit(tmp_path):
    x, y, _ = images()

    def run(folder, stop):
        seen = []
        model, optimizer = fresh(
            lambda: cnn(layers.Dropout(0.5, seed=1), layers.BatchNormalization()),
            lambda: sgd(halving(), use_ema=True),
        )
        training = train(
            model,
            (x, y),
            cross_entropy(),
            optimizer,
            batch_size=BATCH,
            epochs=3,
            validation=(x[:37], y[:37]),
            metrics=["accuracy"],
            steps_per_call=2,
            checkpoints=Checkpoints(folder, {}),
            progress=lambda progress: seen.append(progress.step),
            should_stop=lambda: seen[-1] >= stop,
        )
        return training, weights_of(model)

    whole, weights = run(tmp_path / "whole", np.inf)
    for stop in (
        5,
        7,
        11,
    ):  # of 21, seven an epoch: within the first, at its end, within the second
        training, _ = run(tmp_path / "parts", stop)
        assert training.status == "stopped" and stop <= len(training.steps["loss"]) <= stop + 1
    training, continued = run(tmp_path / "parts", np.inf)
    assert training.status == whole.status == "finished"
    for name, values in whole.steps.items():
        assert (training.steps[name] == values).all()
    for name, values in whole.epochs.items():
        assert name == "seconds" or (training.epochs[name] == values).all(), name
    assert all((ours == theirs).all() for ours, theirs in zip(continued, weights, strict=True))


class Calls(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.calls = []
        for name in ("epoch_begin", "train_batch_begin", "train_batch_end", "epoch_end"):
            setattr(
                self,
                f"on_{name}",
                lambda number, logs=None, name=name: self.calls.append((name, number)),
            )
        for name in ("train_begin", "train_end"):
            setattr(self, f"on_{name}", lambda logs=None, name=name: self.calls.append((name,)))


def test_callbacks_are_called_as_by_fit_with_several_steps_an_execution():
    x, y = images()[0][:96], images()[1][:96]
    ours, fits = Calls(), Calls()
    model, optimizer = fresh()
    train(model, (x, y), cross_entropy(), optimizer, **FIT, steps_per_call=3, callbacks=[ours])
    model, optimizer = fresh()
    model.compile(optimizer, cross_entropy(), steps_per_execution=3)
    model.fit(x, y, **FIT, shuffle=False, verbose=0, callbacks=[fits])
    assert ours.calls == fits.calls and ("train_batch_end", 5) in ours.calls


def test_kerass_tensorboard_and_our_monitor_watch(tmp_path):
    x, y, _ = images()
    model, optimizer = fresh(lambda: cnn(FactorizedDense(6, depth=2, name="deep")))
    board, monitor = (
        keras.callbacks.TensorBoard(tmp_path, histogram_freq=1),
        EndToEndMonitor(every=5),
    )
    training = train(
        model, (x, y), cross_entropy(), optimizer, batch_size=BATCH, epochs=2, steps_per_call=5,
        validation=(x, y), callbacks=[board, monitor],
    )  # fmt: skip
    assert monitor.history["step"] == [0, 5, 12, 14]
    assert training.epochs["deep/norm"][-1] == monitor.history["deep/norm"][-1]
    assert {path.parent.name for path in tmp_path.rglob("events*")} == {"train", "validation"}


def test_early_stopping_stops():
    x, y, _ = images()
    model, optimizer = fresh()
    stop = keras.callbacks.EarlyStopping("loss", min_delta=10.0, patience=1)
    training = train(
        model, (x, y), cross_entropy(), optimizer, batch_size=BATCH, epochs=9, callbacks=[stop]
    )
    assert training.status == "stopped" and len(training.epochs["loss"]) == 2


def test_two_inputs_a_function_for_a_loss_and_its_name():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 20, 3))
    inputs = {"a": keras.Input((3,), name="a"), "b": keras.Input((3,), name="b")}
    losses = []
    for loss in (
        "mse",
        keras.losses.MeanSquaredError(),
        lambda y, p: keras.ops.mean((y - p) ** 2, -1),
    ):
        keras.utils.set_random_seed(5)
        model = keras.Model(inputs, layers.Dense(1)(inputs["a"] * inputs["b"]))
        data = {"a": a, "b": b}, np.ones((20, 1))
        losses.append(train(model, data, loss, sgd(), batch_size=8, epochs=2).steps["loss"])
    assert (losses[0] == losses[1]).all() and (losses[0] == losses[2]).all()
