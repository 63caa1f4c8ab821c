"""Gradient descent as if every linear layer were a product of N matrices, without the matrices."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from overparam_tf.checks import boolean, real_number
from overparam_tf.optimizers.kernel_rule import KernelRule, check_spread, computing_dtype
from overparam_tf.optimizers.kernel_selection import (
    Kernels,
    check_kernels,
    deserialize_kernels,
    serialize_kernels,
)


@keras.saving.register_keras_serializable(package="overparam_tf")
class EndToEndSGD(keras.optimizers.Optimizer):
    r"""SGD that trains each ordinary kernel as if it were a product of `depth` matrices.

    $$K \leftarrow (1 - \eta \lambda N) K
      - \eta \sum_{j=1}^{N} [K K^\top]^{\frac{j-1}{N}} \, G \, [K^\top K]^{\frac{N-j}{N}}, \qquad
      b \leftarrow (1 - \eta \lambda) b - \eta \, g$$

    for kernels `K` with gradient `G`, and for every other variable `b` with gradient `g`. An
    ordinary model trained with it moves as if each kernel were a product of `N` balanced factors
    trained by SGD: up to terms of second order in the learning rate, and with no extra parameter.
    Depth 1 is SGD. Once the class is imported, `model.compile("end_to_end_sgd")` knows its name.

    Kernels are the trainable variables of two axes, but for biases, embeddings, and scales such as
    gamma and beta, which their names tell. The kernels of three axes of attention layers are
    matrices too, from the inputs to (heads, size) and back. Everything else gets plain SGD:
    convolution kernels, biases, embedding tables, and kernels of `EinsumDense` layers with more
    than two axes, of which a variable does not tell which are inputs. `kernel_axes(model)` reads
    them from the layers, as it does on request for embeddings and convolutions:
    `EndToEndSGD(kernels=kernel_axes(model))`.

    A kernel starts from its layer's initializer. One that is exactly 0 when the optimizer is built,
    such as LoRA's second matrix or a head with `kernel_initializer="zeros"`, would stand still for
    `N > 1`, as a product of zero factors does. It gets plain SGD, and a warning names it.

    Kernels with several inputs and outputs take matrix products at depth 2, and at depths 4 and 8
    large ones do. Otherwise each step takes an SVD, which is slow under XLA: at other depths use
    `model.compile(..., jit_compile=False)` on TensorFlow when some kernel has min(in, out) above
    about 16. The rule is computed in float32 for kernels in float16 or bfloat16.

    Args:
        learning_rate: A number >= 0, a `keras.optimizers.schedules.LearningRateSchedule` or a
            callable; default 0.01.
        depth: `N >= 1`, may be fractional; default 2.
        weight_decay: `lambda >= 0` as in Theorem 1, that of every factor, so that a kernel decays
            by `1 - eta lambda N`; default 0 (`None` is 0). Unlike in other Keras optimizers the
            gradient's part of the step is taken at the kernel before the decay.
            `exclude_from_weight_decay` works as usual.
        momentum: In [0, 1), default 0. The velocity is that of the preconditioned gradient:
            `v <- momentum v - eta P_K(G)`, `K <- (1 - eta lambda N) K + v`. This is not what
            momentum on the factors would do.
        kernels: The variables that follow the rule. None (default) for those above; a list of
            regular expressions, one of which must be found in the variable's path, such as
            `["hidden/kernel"]`, or a function of the variable that returns a bool (registered with
            Keras if the model is saved), each for those among the variables of two axes and the
            kernels of attention layers that it selects, embeddings included; or a mapping of
            regular expressions to axes, such as `kernel_axes` returns. Its first key that is found
            in a variable's path tells the input and the output axes, as in
            `{"conv/kernel": ((0, 1, 2), (3,))}`, or None for plain SGD, and variables without a key
            are treated by default. A bias never follows the rule.
        nesterov: Whether momentum is Nesterov's, `K <- (1 - eta lambda N) K + momentum v
            - eta P_K(G)`; default False.
        spread: `t >= 0`, with depth 2: two wide Gaussian factors of width w and variance t / w in
            place of balanced ones, `P_K(G) = (K K^T + t^2 I)^(1/2) G + G (K^T K + t^2 I)^(1/2)`, a
            knob between depth 2 (default 0) and gradient descent at the rate `2 eta t` (t far above
            the kernel), see `overparam_tf.dynamics.mixed_update`. With `t > 0` a kernel of 0 trains
            too. `t` is constant: weight decay shrinks the kernel alone.
        **kwargs: Those of `keras.optimizers.Optimizer`, such as `clipnorm`, `use_ema`, `name`.
            Clipping acts on the gradient `G`, before the rule.

    Raises:
        InputError: If an argument is out of its range, or, when the variables are known, `kernels`
            selects none of them.

    Source:
        Arora, Cohen & Hazan 2018, Theorem 1.

    Example: one step with depth 2 from `w = (3, 4)`, where |w| = 5, on the loss `w_1`: the gradient
        (1, 0) becomes `5 * ((1, 0) + 0.6 * (0.6, 0.8)) = (6.8, 2.4)`.

        >>> import numpy as np
        >>> w = keras.Variable([[3.0], [4.0]])
        >>> optimizer = EndToEndSGD(learning_rate=0.5, depth=2)
        >>> optimizer.apply([ops.array([[1.0], [0.0]])], [w])
        >>> bool(np.allclose(w.numpy(), [[3 - 0.5 * 6.8], [4 - 0.5 * 2.4]]))
        True
    """

    depth: float
    momentum: float
    nesterov: bool
    kernels: Kernels
    spread: float

    def __init__(
        self,
        learning_rate: Any = 0.01,
        depth: float = 2,
        weight_decay: float | None = 0.0,
        momentum: float = 0.0,
        kernels: Kernels = None,
        nesterov: bool = False,
        spread: float = 0.0,
        **kwargs: Any,
    ) -> None:
        decay = 0.0 if weight_decay is None else weight_decay
        super().__init__(
            learning_rate=_check_rate(learning_rate),
            weight_decay=real_number("weight_decay", decay, least=0),
            **kwargs,
        )
        self.depth = real_number("depth", depth, least=1)
        self.momentum = real_number("momentum", momentum, least=0, below=1)
        self.nesterov = boolean("nesterov", nesterov)
        self.kernels = check_kernels(kernels)
        self.spread = check_spread(spread, self.depth)

    def build(self, variables: list[keras.Variable]) -> None:
        """Decide which variables follow the rule; create the velocities if there is momentum."""
        if self.built:
            return
        super().build(variables)
        self._rule = KernelRule(
            self.kernels, self.depth, self.spread, variables, "EndToEndSGD", "SGD"
        )
        self.velocities = (
            self.add_optimizer_variables(variables, "velocity") if self.momentum else []
        )

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        """Move one variable by the rule of the class."""
        dtype = computing_dtype(variable)
        learning_rate, index = ops.cast(learning_rate, dtype), self._get_variable_index(variable)
        gradient, depth = self._rule.turned(index, variable, gradient), self._rule.depth_of(index)
        # `ops.multiply`, not `*`: the gradient of an embedding may be sparse.
        step = ops.multiply(gradient, -learning_rate)
        if self.momentum:
            velocity = ops.add(self.momentum * ops.cast(self.velocities[index], dtype), step)
            self.assign(self.velocities[index], velocity)
            step = ops.add(self.momentum * velocity, step) if self.nesterov else velocity
        if self.weight_decay and self._use_weight_decay(variable):
            decay = learning_rate * self.weight_decay * depth
            self.assign_sub(variable, decay * ops.cast(variable, dtype))
        self.assign_add(variable, step)

    def _apply_weight_decay(self, variables: list[keras.Variable]) -> None:
        """Do nothing: `update_step` decays, a kernel N-fold and after the preconditioning."""

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "depth": self.depth,
            "momentum": self.momentum,
            "kernels": serialize_kernels(self.kernels),
            "nesterov": self.nesterov,
            "spread": self.spread,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> EndToEndSGD:
        """Return an optimizer of this configuration."""
        kernels = deserialize_kernels(config.get("kernels"), custom_objects)
        return super().from_config({**config, "kernels": kernels}, custom_objects)


def _check_rate(learning_rate: Any) -> Any:
    if callable(learning_rate):  # a schedule too
        return learning_rate
    return real_number("learning_rate", learning_rate, least=0)


# The name by which `compile` and `keras.optimizers.get` find it, beside the registered one,
# "overparam_tf>EndToEndSGD", that saved models hold.
keras.saving.get_custom_objects()["end_to_end_sgd"] = EndToEndSGD
