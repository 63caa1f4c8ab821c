"""The updates of a stack whose optimizer mixes the entries of a tensor: one run after the other."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.sweep.template import is_elementwise
from overparam_tf.sweep.variant import Variant


class OfAllRuns:
    """The same variable of every run's optimizer, read and written as one stack.

    Args:
        variables: One variable a run.
    """

    def __init__(self, variables: Sequence[keras.Variable]):
        self._variables = variables

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = [keras.ops.convert_to_numpy(variable) for variable in self._variables]
        return np.asarray(np.stack(values), dtype)

    def assign(self, values: np.ndarray) -> None:
        """Set the variable of each run to its row."""
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)


class OneByOne:
    """Optimizers of one run each, which take the place of an optimizer of the whole stack.

    Muon, Adafactor and LAMB use norms, means or products of a whole tensor, and tell matrices from
    vectors. Each run is therefore handed to its own copy as `fit` would: factors (in, out), biases
    (out,).

    Args:
        optimizers: One optimizer a run, not built.
        variables: The variables of the stack, (R, in, out) or, of biases, (R, 1, out).
        biases: Those of them that are biases.

    Attributes:
        variables: The variables of an optimizer, each of all runs together.
    """

    def __init__(
        self,
        optimizers: Sequence[keras.optimizers.Optimizer],
        variables: Sequence[keras.Variable],
        biases: Sequence[keras.Variable],
    ):
        self._optimizers = list(optimizers)
        of_biases = set(map(id, biases))
        self._are_biases = [id(variable) in of_biases for variable in variables]
        self._own = [
            [
                keras.Variable(value, dtype=variable.dtype, name=variable.name)
                for variable, value in zip(variables, self._values(variables, run), strict=True)
            ]
            for run in range(len(self._optimizers))
        ]
        for optimizer, own in zip(self._optimizers, self._own, strict=True):
            optimizer.build(own)

    @property
    def variables(self) -> list[OfAllRuns]:
        """Return the variables of an optimizer, each of all runs together."""
        of_runs = [optimizer.variables for optimizer in self._optimizers]
        return [OfAllRuns(variables) for variables in zip(*of_runs, strict=True)]

    def apply(self, gradients: Sequence[tf.Tensor], variables: Sequence[keras.Variable]) -> None:
        """Update the variables of the stack by their gradients, each run by its own optimizer."""
        for run, (optimizer, own) in enumerate(zip(self._optimizers, self._own, strict=True)):
            for variable, value in zip(own, self._values(variables, run), strict=True):
                variable.assign(value)
            optimizer.apply(self._values(gradients, run), own)
        for place, variable in enumerate(variables):
            moved = [tf.convert_to_tensor(own[place].value) for own in self._own]
            variable.assign(tf.reshape(tf.stack(moved), variable.shape))

    def _values(self, stacked: Sequence[Any], run: int) -> list[tf.Tensor]:
        """Return the part of a run of stacked variables or gradients, biases as vectors."""
        parts = [tf.convert_to_tensor(values)[run] for values in stacked]
        return [
            tf.reshape(part, (-1,)) if is_bias else part
            for part, is_bias in zip(parts, self._are_biases, strict=True)
        ]


def optimizers_of(
    variant: Variant, variables: Sequence[keras.Variable], biases: Sequence[keras.Variable]
) -> OneByOne:
    """Return the optimizers of a variant's runs, and warn that several of them take their time."""
    runs = len(variant.runs)
    if runs > 1:
        warnings.warn(
            f"{variant.optimizer_name} mixes the entries of a matrix: the {runs} runs of the "
            f"variant {variant.name!r} are updated one by one, which is slower than a stack",
            stacklevel=2,
        )
    optimizers = [variant.optimizer_with(rate) for rate, _ in variant.runs]
    return OneByOne(optimizers, variables, biases)


def recorded_optimizer(
    optimizer: keras.optimizers.Optimizer,
    variables: Sequence[keras.Variable],
    biases: Sequence[keras.Variable],
) -> keras.optimizers.Optimizer | OneByOne:
    """Return a built optimizer of a stack of one run, as matrices and vectors if it mixes entries.

    Args:
        optimizer: Any Keras optimizer, not built.
        variables: The variables of the stack.
        biases: Those of them that are biases.
    """
    if not is_elementwise(optimizer):
        return OneByOne([optimizer], variables, biases)
    optimizer.build(variables)
    return optimizer
