"""Gradient descent as if every linear layer were a product of N matrices, without the matrices."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from overparam_tf.checks import instance_of, list_of, real_number
from overparam_tf.dynamics.end_to_end import precondition
from overparam_tf.errors import InputError, input_error


@keras.saving.register_keras_serializable(package="overparam_tf")
class EndToEndSGD(keras.optimizers.Optimizer):
    r"""SGD that trains each ordinary kernel as if it were a product of `depth` matrices.

    $$K \leftarrow (1 - \eta \lambda N) K
      - \eta \sum_{j=1}^{N} [K K^\top]^{\frac{j-1}{N}} \, G \, [K^\top K]^{\frac{N-j}{N}}, \qquad
      b \leftarrow (1 - \eta \lambda) b - \eta \, g$$

    for kernels `K` with gradient `G`, and for every other variable `b` with gradient `g`. An
    ordinary model trained with it moves as if each kernel were a product of `N` balanced factors
    trained by SGD: up to terms of second order in the learning rate, and with no extra parameter.
    Depth 1 is SGD.

    Kernels are the 2-D trainable variables. An embedding is one too, since it is a linear layer of
    one-hot inputs: the rule applies to it, its gradient becomes dense, and every step decomposes
    the whole table. Exclude it by `kernels` if that is not wanted. Convolution kernels (4-D) and
    biases get plain SGD.

    A kernel starts from its layer's initializer. At exactly 0 the rule stands still for `N > 1`, as
    a product of zero factors would.

    Each step of a kernel with several inputs and outputs takes an SVD. XLA's SVD is slow for large
    kernels: on TensorFlow use `model.compile(..., jit_compile=False)` when some kernel has
    min(in, out) above about 16.

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
        kernels: The 2-D variables that count as kernels: `None` (default) for all; a list of
            regular expressions, one of which must be found in the variable's path, such as
            `["hidden/kernel"]`; or a function of the variable that returns a bool (registered with
            Keras if the model is saved).
        **kwargs: Those of `keras.optimizers.Optimizer`, such as `clipnorm`, `use_ema`, `name`.

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
    kernels: list[str] | Callable[[Any], bool] | None

    def __init__(
        self,
        learning_rate: Any = 0.01,
        depth: float = 2,
        weight_decay: float | None = 0.0,
        momentum: float = 0.0,
        kernels: Sequence[str] | Callable[[Any], bool] | None = None,
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
        self.kernels = _check_kernels(kernels)

    def build(self, variables: list[keras.Variable]) -> None:
        """Decide which variables are kernels, and create the velocities if there is momentum."""
        if self.built:
            return
        super().build(variables)
        matrices = [variable for variable in variables if len(variable.shape) == 2]
        self._is_kernel = [
            len(variable.shape) == 2 and self._selects(variable) for variable in variables
        ]
        if self.kernels is not None and not any(self._is_kernel):
            raise InputError(
                "Expected kernels to select at least one 2-D variable. "
                f"Received: kernels={self.kernels!r}, 2-D variables: "
                f"{[_path(variable) for variable in matrices]}"
            )
        self.velocities = (
            self.add_optimizer_variables(variables, "velocity") if self.momentum else []
        )

    def _selects(self, variable: keras.Variable) -> bool:
        if self.kernels is None:
            return True
        if callable(self.kernels):
            return bool(self.kernels(variable))
        return any(re.search(pattern, _path(variable)) for pattern in self.kernels)

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        """Move one variable by the rule of the class."""
        learning_rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        index = self._get_variable_index(variable)
        depth = self.depth if self._is_kernel[index] else 1.0
        if depth > 1:
            gradient = precondition(
                ops.convert_to_tensor(variable), ops.convert_to_tensor(gradient), depth
            )
        # `ops.multiply`, not `*`: the gradient of an embedding may be sparse.
        step = ops.multiply(gradient, -learning_rate)
        if self.momentum:
            velocity = self.velocities[index]
            self.assign(velocity, ops.add(self.momentum * velocity, step))
            step = velocity
        if self.weight_decay and self._use_weight_decay(variable):
            self.assign_sub(variable, learning_rate * self.weight_decay * depth * variable)
        self.assign_add(variable, step)

    def _apply_weight_decay(self, variables: list[keras.Variable]) -> None:
        """Do nothing: `update_step` decays, a kernel N-fold and after the preconditioning."""

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        kernels: Any = self.kernels
        if callable(kernels):
            kernels = keras.saving.serialize_keras_object(kernels)
        return {
            **super().get_config(),
            "depth": self.depth,
            "momentum": self.momentum,
            "kernels": kernels,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> EndToEndSGD:
        """Return an optimizer of this configuration."""
        config = dict(config)
        if isinstance(config.get("kernels"), dict):
            config["kernels"] = keras.saving.deserialize_keras_object(
                config["kernels"], custom_objects
            )
        return super().from_config(config, custom_objects)


def _check_rate(learning_rate: Any) -> Any:
    if callable(learning_rate):  # a schedule too
        return learning_rate
    return real_number("learning_rate", learning_rate, least=0)


def _check_kernels(kernels: Any) -> Any:
    if kernels is None or callable(kernels):
        return kernels
    try:
        return list_of("kernels", kernels, _check_pattern)
    except InputError:
        raise input_error(
            "None, a list of regular expressions or a function of the variable for kernels",
            kernels=kernels,
        ) from None


def _check_pattern(name: str, value: object) -> str:
    pattern = instance_of(name, value, str)
    try:
        re.compile(pattern)
    except re.error as error:
        raise input_error(f"a regular expression for {name}", **{name: pattern}) from error
    return pattern


def _path(variable: keras.Variable) -> str:
    return getattr(variable, "path", variable.name)
