"""The end-to-end preconditioner in front of any Keras optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from overparam_tf.checks import real_number, resolve
from overparam_tf.optimizers.keras_optimizer import keras_optimizer
from overparam_tf.optimizers.kernel_rule import KernelRule, check_spread
from overparam_tf.optimizers.kernel_selection import (
    Kernels,
    check_kernels,
    deserialize_kernels,
    serialize_kernels,
)


@keras.saving.register_keras_serializable(package="overparam_tf")
class EndToEnd(keras.optimizers.Optimizer):
    r"""An optimizer that gets each kernel's gradient as a product of `depth` matrices turns it.

    $$G \mapsto P_K(G) = \sum_{j=1}^{N} [K K^\top]^{\frac{j-1}{N}} \, G \,
      [K^\top K]^{\frac{N-j}{N}}$$

    for kernels `K`; every other variable's gradient is handed over as it is. Which variables are
    kernels, `EndToEndSGD` describes.

    This is not what the optimizer would do on the factors. Only for plain SGD at a small rate both
    are Theorem 1; momentum and weight decay already differ. Adam, RMSprop and Adagrad divide each
    entry of a gradient by its own past size. On factors this cancels the growth of the gradients
    with the factors. Here it cancels what multiplies all entries of a gradient alike, such as the
    effective learning rate |w|^(2-2/N) of a single output; only the turn of the direction towards
    `K` is left. For an optimizer on factors use `overparameterize`. `experiments.speedup` measures
    whether `EndToEnd` helps.

    Everything else is the inner optimizer's: rate, weight decay (that of the kernel, once and not
    N-fold), clipping (of the gradient after the rule), averages, loss scale and accumulation.

    Args:
        optimizer: A Keras optimizer that is not built yet, its name or its config.
        depth: `N >= 1`, may be fractional; default 2. Depth 1 is the optimizer alone.
        kernels: The variables that follow the rule, as in `EndToEndSGD`; default None.
        spread: `t >= 0` as in `EndToEndSGD`; default 0.
        name: The name; default None, made from the class.

    Attributes:
        inner_optimizer: The optimizer.

    Raises:
        InputError: If an argument is not as described, or, when the variables are known, `kernels`
            selects none of them.

    Source:
        Arora, Cohen & Hazan 2018, Theorem 1, for SGD.

    Example: around SGD it is `EndToEndSGD`.

        >>> import numpy as np
        >>> from overparam_tf import EndToEndSGD
        >>> moved = []
        >>> for optimizer in (EndToEnd(keras.optimizers.SGD(0.5), 2), EndToEndSGD(0.5, 2)):
        ...     w = keras.Variable([[3.0], [4.0]])
        ...     optimizer.apply([keras.ops.array([[1.0], [0.0]])], [w])
        ...     moved.append(w.numpy())
        >>> bool(np.allclose(*moved))
        True
    """

    depth: float
    kernels: Kernels
    spread: float

    def __init__(
        self,
        optimizer: Any = "sgd",
        depth: float = 2,
        kernels: Kernels = None,
        spread: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(learning_rate=0.0, name=name)
        self.inner_optimizer = resolve(
            "optimizer", optimizer, _new_optimizer, "a Keras optimizer that is not built"
        )
        self.depth = real_number("depth", depth, least=1)
        self.kernels = check_kernels(kernels)
        self.spread = check_spread(spread, self.depth)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Decide which variables follow the rule, and build the inner optimizer."""
        if self.built:
            return
        inner = self.inner_optimizer
        self._rule = KernelRule(
            self.kernels, self.depth, self.spread, variables, "EndToEnd", type(inner).__name__
        )
        inner.build(variables)
        super().build(variables)

    @property
    def variables(self) -> list[keras.Variable]:
        """Return the variables of the inner optimizer; there are no others that change."""
        return self.inner_optimizer.variables

    def apply(
        self, grads: Sequence[Any], trainable_variables: Sequence[keras.Variable] | None = None
    ) -> Any:
        """Turn the gradients of the kernels, and let the inner optimizer take the step."""
        if not self.built:
            with keras.name_scope(self.name):
                self.build(list(trainable_variables or ()))
        variables = trainable_variables
        if variables is None:
            variables = self._trainable_variables
        turned = [
            gradient if gradient is None else self._turned(variable, gradient)
            for gradient, variable in zip(grads, variables, strict=True)
        ]
        return self.inner_optimizer.apply(turned, trainable_variables)

    def _turned(self, variable: keras.Variable, gradient: Any) -> Any:
        index = self._get_variable_index(variable)
        if self._rule.depth_of(index) == 1:
            return gradient
        return keras.ops.cast(self._rule.turned(index, variable, gradient), gradient.dtype)

    @property
    def learning_rate(self) -> Any:
        """Return the inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self) -> Any:
        """Return the inner optimizer's number of steps."""
        return self.inner_optimizer.iterations

    def scale_loss(self, loss: Any) -> Any:
        """Return the loss as the inner optimizer scales it."""
        return self.inner_optimizer.scale_loss(loss)

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """Leave variables out of the inner optimizer's weight decay."""
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        """Let the inner optimizer set the final values, such as averages."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "name": self.name,
            "optimizer": keras.saving.serialize_keras_object(self.inner_optimizer),
            "depth": self.depth,
            "kernels": serialize_kernels(self.kernels),
            "spread": self.spread,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> EndToEnd:
        """Return an optimizer of this configuration."""
        inner = keras.saving.deserialize_keras_object(config["optimizer"], custom_objects)
        kernels = deserialize_kernels(config.get("kernels"), custom_objects)
        return cls(**{**config, "optimizer": inner, "kernels": kernels})


def _new_optimizer(value: Any) -> keras.optimizers.Optimizer:
    optimizer = keras_optimizer(value)
    if optimizer.built:
        raise ValueError("an optimizer that is built")
    return optimizer
