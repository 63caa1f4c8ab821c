"""The convnet: parameters, recipe, what nets of one seed share; its penalty trained alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from experiments.mnist_cnn.convnet import WEIGHT_DECAY, convnet, momentum_sgd
from experiments.mnist_cnn.penalty_alone import penalty_alone
from overparam_tf.checkpoints import Checkpoints
from overparam_tf.layers import FactorizedDense
from overparam_tf.regularizers import penalty_on

PARAMETERS = {(1, False): 1_663_370, (2, False): 1_925_614, (3, False): 1_925_614 + 512**2 + 100}


@pytest.mark.parametrize(("depth", "convs"), PARAMETERS)
def test_parameter_counts(depth, convs):
    assert convnet(depth, convs=convs).count_params() == PARAMETERS[depth, convs]


def test_nets_of_one_seed_begin_alike_and_of_two_do_not():
    plain, deep, other = convnet(), convnet(2), convnet(seed=1)
    for name in ("conv1", "conv2"):
        np.testing.assert_array_equal(plain.get_layer(name).kernel, deep.get_layer(name).kernel)
        assert not np.array_equal(plain.get_layer(name).kernel, other.get_layer(name).kernel)
    first, second = deep.get_layer("fc1").factors
    np.testing.assert_array_equal(plain.get_layer("fc1").kernel, first)
    assert (
        np.std(first) == pytest.approx(np.std(second), rel=0.01) == pytest.approx(0.088, rel=0.01)
    )
    # Factorised convolutions start as the same function.
    images = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 28, 28, 1)).astype("float32")
    both = [convnet(depth, convs=True).get_layer("conv1") for depth in (1, 2)]
    np.testing.assert_allclose(both[0](images), both[1](images), atol=1e-5)


def test_biases_and_rate_are_the_tutorials():
    net = convnet()
    biases = {
        layer.name: float(np.ptp(layer.bias)) + float(layer.bias[0])
        for layer in net.layers
        if layer.weights[1:]
    }
    assert biases == pytest.approx({"conv1": 0.0, "conv2": 0.1, "fc1": 0.1, "fc2": 0.1})
    rate = momentum_sgd(860).get_config()["learning_rate"]["config"]
    schedule = keras.optimizers.schedules.ExponentialDecay.from_config(rate)
    assert [float(schedule(step)) for step in (859, 860, 1720)] == pytest.approx(
        [0.01, 0.0095, 0.009025]
    )


def test_the_penalty_is_weight_decay_on_the_product():
    net = convnet(2)
    squares = 0.0
    for name in ("fc1", "fc2"):
        first, second = (factor.numpy().astype("float64") for factor in net.get_layer(name).factors)
        squares += np.sum((first @ second) ** 2) + np.sum(
            net.get_layer(name).bias.numpy().astype("float64") ** 2
        )
    assert float(tf.add_n(net.losses)) == pytest.approx(WEIGHT_DECAY / 2 * squares, rel=1e-5)
    assert not convnet(2, None).losses


@pytest.mark.parametrize("place", ["product", "factors", "first"])
def test_the_penalty_alone_is_that_of_the_whole_factors(place):
    """The oracle trains the tall first factor itself, with Keras, step by step."""
    penalty = keras.regularizers.L2(0.25)
    layer = FactorizedDense(
        3,
        depth=2,
        width=4,
        factor_initializer="glorot_normal",
        bias_regularizer=penalty,
        **penalty_on(place, penalty),
    )
    layer.build((None, 30))
    layer.bias.assign([1.0, -1.0, 0.5])
    start = [factor.numpy() for factor in layer.factors], layer.bias.numpy()
    variables = layer.trainable_variables if place != "first" else [layer.factors[0], layer.bias]
    optimizer, expected = keras.optimizers.SGD(0.1, momentum=0.9), []
    for _ in range(20):
        with tf.GradientTape() as tape:
            loss = tf.add_n(layer.losses)
        optimizer.apply(tape.gradient(loss, variables), variables)
        expected.append(float(loss))
    alone = penalty_alone([start], 0.5, place, keras.optimizers.SGD(0.1, momentum=0.9), 20)
    np.testing.assert_allclose(alone, expected, rtol=1e-5)


def test_the_penalty_alone_continues_from_its_checkpoint(tmp_path):
    rng = np.random.default_rng(0)
    start = [rng.normal(size=(6, 3)), rng.normal(size=(3, 2))], np.ones(2)
    arguments = [start], 0.5, "product"
    whole = penalty_alone(*arguments, keras.optimizers.SGD(0.1, momentum=0.9), 9)
    for steps in (5, 9):
        optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
        curve = penalty_alone(*arguments, optimizer, steps, Checkpoints(tmp_path, {}))
        np.testing.assert_allclose(curve, whole[:steps], rtol=1e-6)
    optimizer = keras.optimizers.SGD(0.1)
    assert len(penalty_alone(*arguments, optimizer, 9, should_stop=lambda: True)) == 0
