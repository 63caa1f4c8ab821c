"""Weight decay without data: the convnet's penalty on a product, trained by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.checkpoints import Checkpoints
from overparam_tf.layers import FactorizedDense
from overparam_tf.regularizers import penalty_on

# Between two checkpoints: some seconds.
STEPS_PER_CALL = 500


def penalty_alone(
    layers: Sequence[tuple[Sequence[np.ndarray], np.ndarray]],
    weight_decay: float,
    place: str,
    optimizer: keras.optimizers.Optimizer,
    steps: int,
    checkpoints: Checkpoints | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> np.ndarray:
    r"""Train factors and biases on their penalty alone.

    The first factor F of a layer may have many more rows than columns. It is replaced, exactly, by
    the triangle R of its QR decomposition F = Q R: the penalties are functions of $F^\top F$, so
    their gradient at F is $2 F M = Q (2 R M)$ with a matrix M of the other factors and $F^\top F$
    alone. Hence an optimizer that is linear in the gradients, such as SGD with momentum, never
    leaves Q: F stays Q R, and R moves as if it were the factor. Of 3136 x 512 entries 512 x 512
    are left.

    Args:
        layers: For each layer its factors and its bias, as `overparam_tf.FactorizedDense` has them.
        weight_decay: $\lambda$ in the penalty $\lambda/2$ times the sum of squares, over biases and
            `place`.
        place: What is penalised beside the biases, see `overparam_tf.penalty_on`.
        optimizer: SGD, with or without momentum.
        steps: Number of steps.
        checkpoints: Where the state is saved and continued from; default None, nowhere.
        should_stop: Called after some steps; whether to end there. Default, never.

    Returns:
        The sum of the penalties before each step, shape (steps,); shorter after `should_stop`.

    Example: one weight of 1 decays by 1 - eta lambda a step.

        >>> layer = [np.ones((1, 1))], np.zeros(1)
        >>> curve = penalty_alone([layer], 0.5, "product", keras.optimizers.SGD(0.1), 3)
        >>> bool(np.allclose(curve, 0.25 * 0.95 ** (2 * np.arange(3))))
        True
    """
    reduced = [_reduced_layer(factors, bias, weight_decay, place) for factors, bias in layers]
    variables = [variable for layer in reduced for variable in _penalised(layer, place)]
    optimizer.build(variables)

    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            penalty = tf.add_n([loss for layer in reduced for loss in layer.losses])
        optimizer.apply(tape.gradient(penalty, variables), variables)
        return penalty

    state, loops = [*variables, *optimizer.variables], {}
    curve = _restored(checkpoints, state)
    while len(curve) < steps and not should_stop():
        count = min(STEPS_PER_CALL, steps - len(curve))
        loops.setdefault(count, _loop(step, count))
        curve = np.concatenate([curve, loops[count]().numpy()])
        if checkpoints is not None:
            arrays = {f"state {number}": each.numpy() for number, each in enumerate(state)}
            checkpoints.save(len(curve), {"curve": curve, **arrays})
    return curve


def _restored(checkpoints: Checkpoints | None, state: Sequence[keras.Variable]) -> np.ndarray:
    """Take the state of the newest checkpoint, if there is one, and return its curve."""
    newest = None if checkpoints is None else checkpoints.newest()
    if newest is None:
        return np.empty(0, np.float32)
    for number, variable in enumerate(state):
        variable.assign(newest.arrays[f"state {number}"])
    return newest.arrays["curve"]


def _reduced_layer(
    factors: Sequence[np.ndarray], bias: np.ndarray, weight_decay: float, place: str
) -> FactorizedDense:
    """Return a layer of the same penalty, its first factor at most square."""
    first, *others = factors
    if first.shape[0] > first.shape[1]:
        first = np.linalg.qr(first, mode="r")
    inner_widths = [factor.shape[1] for factor in factors[:-1]]
    outputs = factors[-1].shape[1]
    penalty = keras.regularizers.L2(weight_decay / 2)
    layer = FactorizedDense(
        outputs,
        depth=len(factors),
        width=inner_widths or None,
        factor_initializer="near_zero",  # assigned below
        bias_regularizer=penalty,
        **penalty_on(place, penalty, len(factors)),
    )
    layer.build((None, len(first)))
    values = [first, *others, bias]
    for variable, value in zip([*layer.factors, layer.bias], values, strict=True):
        variable.assign(value)
    return layer


def _penalised(layer: FactorizedDense, place: str) -> list[keras.Variable]:
    """Return the variables that the penalty moves: on the first factor, it leaves the others."""
    return [layer.factors[0], layer.bias] if place == "first" else layer.trainable_variables


def _loop(step: Callable[[], tf.Tensor], steps: int) -> Callable[[], tf.Tensor]:
    """Return a compiled function that calls `step` `steps` times and returns its values."""

    @tf.function(jit_compile=True, autograph=False)
    def loop() -> tf.Tensor:
        values = tf.TensorArray(tf.float32, steps, element_shape=())
        _, values = tf.while_loop(
            lambda count, values: count < steps,
            lambda count, values: (count + 1, values.write(count, step())),
            (0, values),
        )
        return values.stack()

    return loop
