"""What weight decay does to a product by itself: the convnet's penalty, trained without any data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.layers import FactorizedDense
from overparam_tf.regularizers import penalty_on


def penalty_alone(
    layers: Sequence[tuple[Sequence[np.ndarray], np.ndarray]],
    weight_decay: float,
    place: str,
    optimizer: keras.optimizers.Optimizer,
    steps: int,
) -> np.ndarray:
    r"""Train factors and biases on their penalty alone.

    The first factor F of a layer may have many more rows than columns. It is replaced, exactly, by the triangle R
    of its QR decomposition F = Q R: the penalties are functions of :math:`F^\top F`, so their gradient at F is
    :math:`2 F M = Q (2 R M)` with a matrix M of the other factors and :math:`F^\top F` alone. Hence an
    optimizer that is linear in the gradients, such as SGD with momentum, never leaves Q: F stays Q R, and R
    moves as if it were the factor. Of 3136 x 512 entries 512 x 512 are left.

    Args:
        layers: per layer its factors and its bias, as `overparam_tf.FactorizedDense` has them.
        weight_decay: lambda in the penalty lambda/2 sum of squares, over biases and `place`.
        place: what is penalised beside the biases, see `overparam_tf.penalty_on`.
        optimizer: SGD, with or without momentum.
        steps: number of steps.

    Returns:
        The sum of the penalties before each step, shape (steps,).

    Example: one weight of 1 decays by 1 - eta lambda a step.

        >>> layer = [np.ones((1, 1))], np.zeros(1)
        >>> curve = penalty_alone([layer], 0.5, "product", keras.optimizers.SGD(0.1), 3)
        >>> bool(np.allclose(curve, 0.25 * 0.95 ** (2 * np.arange(3))))
        True
    """
    stand_ins = [_layer(factors, bias, weight_decay, place) for factors, bias in layers]
    variables = [variable for layer in stand_ins for variable in _penalised(layer, place)]
    optimizer.build(variables)

    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            penalty = tf.add_n([loss for layer in stand_ins for loss in layer.losses])
        optimizer.apply(tape.gradient(penalty, variables), variables)
        return penalty

    return _repeated(step, steps).numpy()


def _layer(
    factors: Sequence[np.ndarray], bias: np.ndarray, weight_decay: float, place: str
) -> FactorizedDense:
    first, *others = factors
    if first.shape[0] > first.shape[1]:
        first = np.linalg.qr(first, mode="r")
    penalty = keras.regularizers.L2(weight_decay / 2)
    layer = FactorizedDense(
        factors[-1].shape[1],
        depth=len(factors),
        width=[factor.shape[1] for factor in factors[:-1]] or None,
        bias_regularizer=penalty,
        **penalty_on(place, penalty, len(factors)),
    )
    layer.build((None, len(first)))
    for variable, value in zip([*layer.factors, layer.bias], [first, *others, bias], strict=True):
        variable.assign(value)
    return layer


def _penalised(layer: FactorizedDense, place: str) -> list[keras.Variable]:
    """What the penalty moves: one on the first factor leaves the others where they are."""
    return [layer.factors[0], layer.bias] if place == "first" else layer.trainable_variables


def _repeated(step: Callable[[], tf.Tensor], steps: int) -> tf.Tensor:
    """The values of `step`, called `steps` times in one compiled loop."""

    @tf.function(jit_compile=True)
    def loop() -> tf.Tensor:
        values = tf.TensorArray(tf.float32, steps, element_shape=())
        _, values = tf.while_loop(
            lambda at, values: at < steps,
            lambda at, values: (at + 1, values.write(at, step())),
            (0, values),
        )
        return values.stack()

    return loop()
