"""The convnet of experiment 4, from the TensorFlow tutorial: plain or with products of factors."""

from __future__ import annotations

import keras

from overparam_tf.layers import FactorizedConv2D, FactorizedDense
from overparam_tf.regularizers import penalty_on

# The penalty is this times half the sum of squares of the weights and biases of fc1 and fc2.
WEIGHT_DECAY = 5e-4
# Standard deviation of the initial weights, from a truncated normal distribution.
STDDEV = 0.1
BATCH, RATE, MOMENTUM, RATE_DECAY = 64, 0.01, 0.9, 0.95


def convnet(
    depth: int = 1, place: str | None = "product", convs: bool = False, seed: int = 0
) -> keras.Sequential:
    """Return the net: images (28, 28, 1) to logits (10,).

    Convolution 5x5x32, pooling, convolution 5x5x64, pooling, fc1 of 512 units, dropout 1/2, fc2 of
    10 units. Nets of one seed begin with the same convolutions, and the first factor of a product
    as the whole kernel of the plain layer, where their shapes agree.

    Args:
        depth: Number of factors of fc1 and fc2, of the widths 512 and 10; 1, the default, is the
            plain net. Every factor starts as the plain kernel would, as in the paper: the product
            does not.
        place: Where the L2 penalty is put, see `overparam_tf.penalty_on`, or None for no penalty.
        convs: Factorise the convolutions too. Their factors are balanced splits of the plain net's
            initial kernels: a product of such kernels with every entry of size 0.1 would blow up
            the activations.
        seed: Seed of the weights and of dropout; default 0.

    Returns:
        The built model: 1,663,370 parameters, 1,925,614 with fc1 and fc2 as products of two.

    Example:
        >>> convnet().count_params(), convnet(depth=2).count_params()
        (1663370, 1925614)
    """

    def normal(layer: int, factor: int = 0) -> keras.initializers.Initializer:
        layer_seed = 1000 * seed + 10 * factor + layer
        return keras.initializers.TruncatedNormal(stddev=STDDEV, seed=layer_seed)

    def conv(filters: int, layer: int, bias: float) -> keras.layers.Layer:
        arguments = {
            "padding": "same",
            "activation": "relu",
            "kernel_initializer": normal(layer),
            "bias_initializer": keras.initializers.Constant(bias),
            "name": f"conv{layer + 1}",
        }
        if convs and depth > 1:
            return FactorizedConv2D(filters, 5, depth=depth, **arguments)
        return keras.layers.Conv2D(filters, 5, **arguments)

    def dense(units: int, layer: int, activation: str | None) -> keras.layers.Layer:
        penalty = None if place is None else keras.regularizers.L2(WEIGHT_DECAY / 2)
        arguments = {
            "activation": activation,
            "bias_initializer": keras.initializers.Constant(STDDEV),
            "bias_regularizer": penalty,
            "name": f"fc{layer - 1}",
        }
        if depth == 1:
            return keras.layers.Dense(
                units, kernel_initializer=normal(layer), kernel_regularizer=penalty, **arguments
            )
        return FactorizedDense(
            units,
            depth=depth,
            width=units,
            factor_initializer=[normal(layer, factor) for factor in range(depth)],
            **penalty_on(place or "product", penalty, depth),
            **arguments,
        )

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            conv(32, 0, 0.0),
            keras.layers.MaxPooling2D(2),
            conv(64, 1, STDDEV),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            dense(512, 2, "relu"),
            keras.layers.Dropout(0.5, seed=1000 * seed + 9),
            dense(10, 3, None),
        ]
    )


def momentum_sgd(steps_per_epoch: int) -> keras.optimizers.SGD:
    """Return the tutorial's optimizer.

    Its momentum is 0.9, its rate 0.01, times 0.95 for every finished epoch.
    """
    rate = keras.optimizers.schedules.ExponentialDecay(
        RATE, steps_per_epoch, RATE_DECAY, staircase=True
    )
    return keras.optimizers.SGD(rate, momentum=MOMENTUM)
