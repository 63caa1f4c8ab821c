"""The presets of 2019 against the update rules of Keras 2.2.4, written out in NumPy."""

import re

import keras
import numpy as np
import pytest

from overparam_tf.errors import InputError
from overparam_tf.optimizers import legacy_2019

EPSILON = 1e-7


def sgd(w, gradients, lr=0.01):
    for g in gradients:
        w = w - lr * g
    return w


def adagrad(w, gradients, lr=0.01):
    a = np.zeros_like(w)
    for g in gradients:
        a += g**2
        w = w - lr * g / (np.sqrt(a) + EPSILON)
    return w


def adadelta(w, gradients, lr=1.0, rho=0.95):
    a, d = np.zeros_like(w), np.zeros_like(w)
    for g in gradients:
        a = rho * a + (1 - rho) * g**2
        step = g * np.sqrt(d + EPSILON) / np.sqrt(a + EPSILON)
        w = w - lr * step
        d = rho * d + (1 - rho) * step**2
    return w


def adam(w, gradients, lr=0.001, beta_1=0.9, beta_2=0.999):
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        rate = lr * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        w = w - rate * m / (np.sqrt(v) + EPSILON)
    return w


def rmsprop(w, gradients, lr=0.001, rho=0.9):
    a = np.zeros_like(w)
    for g in gradients:
        a = rho * a + (1 - rho) * g**2
        w = w - lr * g / (np.sqrt(a) + EPSILON)
    return w


KERAS_2 = {"sgd": sgd, "adagrad": adagrad, "adadelta": adadelta, "adam": adam, "rmsprop": rmsprop}


def trained(optimizer, start, gradients):
    variable = keras.Variable(start, dtype="float64")
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    return keras.ops.convert_to_numpy(variable)


@pytest.mark.parametrize("rate", [None, 0.3])
@pytest.mark.parametrize("name", KERAS_2)
def test_preset_takes_the_steps_of_keras_2(name, rate):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(3, 4)), rng.normal(size=(30, 3, 4))
    gradients[:, 0, 0] = 0  # an accumulator that stays at 0
    expected = KERAS_2[name](start, gradients, **({} if rate is None else {"lr": rate}))
    actual = trained(legacy_2019(name, rate), start, gradients)
    # Keras keeps rates and decays in float32, so the tolerance is relative to the way travelled.
    np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected - start).max())


@pytest.mark.parametrize("name", KERAS_2)
def test_a_schedule_is_followed(name):
    start, gradients = np.ones(3), np.ones((4, 3))
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.5, 1e-9])
    once = trained(legacy_2019(name, 0.5), start, gradients[:2])
    np.testing.assert_allclose(
        trained(legacy_2019(name, schedule), start, gradients), once, atol=1e-6
    )


def test_names_are_read_in_any_case():
    assert isinstance(legacy_2019("RMSprop"), keras.optimizers.RMSprop)


@pytest.mark.parametrize("name", ["adamw", "", None, 3])
def test_bad_name(name):
    expected = f"sgd, adagrad, adadelta, adam, rmsprop. Received: name={name!r}"
    with pytest.raises(InputError, match=re.escape(expected)):
        legacy_2019(name)


@pytest.mark.parametrize("rate", [0, -1e-3, float("nan"), float("inf"), True, "fast", [0.1]])
def test_bad_learning_rate(rate):
    with pytest.raises(
        InputError, match=r"positive, finite learning rate.*Received: learning_rate="
    ):
        legacy_2019("sgd", rate)
