"""Gradient descent as if every linear layer were a product of N matrices, without the matrices."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from numbers import Real

import keras
from keras import ops

from overparam_tf.dynamics.checks import check_depth
from overparam_tf.dynamics.end_to_end import precondition
from overparam_tf.errors import InputError


@keras.saving.register_keras_serializable(package="overparam_tf")
class EndToEndSGD(keras.optimizers.Optimizer):
    r"""Stochastic gradient descent with the end-to-end rule of depth `N` on kernels.

    $$K \leftarrow (1 - \eta \lambda N) K
      - \eta \sum_{j=1}^{N} [K K^\top]^{\frac{j-1}{N}} \, G \, [K^\top K]^{\frac{N-j}{N}}, \qquad
      b \leftarrow (1 - \eta \lambda) b - \eta \, g$$

    for kernels `K` with gradient `G`, and for every other variable `b` with gradient `g`. An ordinary model
    trained with it moves as if each kernel were a product of `N` balanced factors trained by SGD: up to
    terms of second order in the learning rate, and with no extra parameter. Depth 1 is SGD.

    Kernels are the 2-D trainable variables. An embedding is one too, a linear layer of one-hot inputs: the
    rule applies, its gradient becomes dense, and every step decomposes the whole table. Leave it out by
    `kernels` where that is not meant. Convolution kernels (4-D) and biases get plain SGD.

    A kernel starts from its own initializer. At exactly 0 the rule stands still for `N > 1`, as a product
    of zero factors would.

    Each step of a kernel with several inputs and outputs takes an SVD. XLA's is slow for large kernels: on
    TensorFlow use `model.compile(..., jit_compile=False)` when some kernel has min(in, out) above about 16.

    Args:
        learning_rate: float, `keras.optimizers.schedules.LearningRateSchedule` or callable; default 0.01.
        depth: `N >= 1`, may be fractional; default 2.
        weight_decay: `lambda >= 0` as in Theorem 1, that of every factor, so that a kernel decays by
            `1 - eta lambda N`; default 0 (`None` is 0). Unlike in other Keras optimizers the gradient's part
            of the step is taken at the kernel before the decay. `exclude_from_weight_decay` works as usual.
        momentum: in [0, 1), default 0. The velocity is that of the preconditioned gradient:
            `v <- momentum v - eta P_K(G)`, `K <- (1 - eta lambda N) K + v`. This is not what momentum on
            the factors would do.
        kernels: which 2-D variables count as kernels: `None` (default) for all; a list of regular
            expressions, one of which must be found in the variable's path, such as `["hidden/kernel"]`; or
            a function of the variable that returns a bool (registered with Keras if the model is saved).
        **kwargs: those of `keras.optimizers.Optimizer`, such as `clipnorm`, `use_ema`, `name`.

    Raises:
        InputError: for a depth below 1, a negative weight decay, a momentum outside [0, 1), or `kernels`
            that select nothing.

    Source: Arora, Cohen & Hazan 2018, Theorem 1.

    Example: one step with depth 2 from `w = (3, 4)`, where |w| = 5, on the loss `w_1`: the gradient (1, 0)
    becomes `5 * ((1, 0) + 0.6 * (0.6, 0.8)) = (6.8, 2.4)`.

    >>> import keras, numpy as np
    >>> w = keras.Variable([[3.0], [4.0]])
    >>> optimizer = EndToEndSGD(learning_rate=0.5, depth=2)
    >>> optimizer.apply([keras.ops.array([[1.0], [0.0]])], [w])
    >>> bool(np.allclose(w.numpy(), [[3 - 0.5 * 6.8], [4 - 0.5 * 2.4]]))
    True
    """

    def __init__(
        self,
        learning_rate=0.01,
        depth: float = 2,
        weight_decay: float | None = 0.0,
        momentum: float = 0.0,
        kernels: Sequence[str] | Callable[..., bool] | None = None,
        **kwargs,
    ):
        check_depth(depth)
        weight_decay = 0.0 if weight_decay is None else weight_decay
        if not isinstance(weight_decay, Real) or not 0 <= weight_decay < math.inf:
            raise InputError(
                f"weight_decay must be finite and >= 0. Received: weight_decay={weight_decay}"
            )
        if not isinstance(momentum, Real) or not 0 <= momentum < 1:
            raise InputError(f"momentum must lie in [0, 1). Received: momentum={momentum}")
        is_list = isinstance(kernels, Sequence) and not isinstance(kernels, str)
        if not (kernels is None or callable(kernels) or is_list):
            raise InputError(
                "kernels must be None, a list of regular expressions, or a function of the variable. "
                f"Received: kernels={kernels!r}"
            )
        super().__init__(learning_rate=learning_rate, weight_decay=float(weight_decay), **kwargs)
        self.depth = float(depth)
        self.momentum = float(momentum)
        self.kernels = list(kernels) if is_list else kernels

    def build(self, variables):
        """Decide which variables are kernels, and create the velocities if there is momentum."""
        if self.built:
            return
        super().build(variables)
        self._is_kernel = [
            len(variable.shape) == 2 and self._selects(variable) for variable in variables
        ]
        if self.kernels is not None and not any(self._is_kernel):
            raise InputError(
                f"kernels must select at least one 2-D variable. Received: kernels={self.kernels!r}, "
                f"2-D variables: {[_path(variable) for variable in variables if len(variable.shape) == 2]}"
            )
        self.velocities = (
            self.add_optimizer_variables(variables, "velocity") if self.momentum else []
        )

    def _selects(self, variable) -> bool:
        if self.kernels is None:
            return True
        if callable(self.kernels):
            return bool(self.kernels(variable))
        return any(re.search(pattern, _path(variable)) for pattern in self.kernels)

    def update_step(self, gradient, variable, learning_rate):
        """Move one variable by the rule of the class."""
        learning_rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        index = self._get_variable_index(variable)
        depth = self.depth if self._is_kernel[index] else 1.0
        if depth > 1:
            gradient = precondition(
                ops.convert_to_tensor(variable), ops.convert_to_tensor(gradient), depth
            )
        step = ops.multiply(
            gradient, -learning_rate
        )  # not `*`: an embedding's gradient may be sparse
        if self.momentum:
            velocity = self.velocities[index]
            self.assign(velocity, ops.add(self.momentum * velocity, step))
            step = velocity
        if self.weight_decay and self._use_weight_decay(variable):
            self.assign_sub(variable, learning_rate * self.weight_decay * depth * variable)
        self.assign_add(variable, step)

    def _apply_weight_decay(self, variables):
        """Do nothing: the decay is part of `update_step`, at a kernel N-fold and after preconditioning."""

    def get_config(self):
        """Return the constructor's arguments."""
        kernels = self.kernels
        if callable(kernels):
            kernels = keras.saving.serialize_keras_object(kernels)
        return {
            **super().get_config(),
            "depth": self.depth,
            "momentum": self.momentum,
            "kernels": kernels,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Return an optimizer of this configuration."""
        config = dict(config)
        if isinstance(config.get("kernels"), dict):
            config["kernels"] = keras.saving.deserialize_keras_object(
                config["kernels"], custom_objects
            )
        return super().from_config(config, custom_objects)


def _path(variable) -> str:
    return getattr(variable, "path", variable.name)
