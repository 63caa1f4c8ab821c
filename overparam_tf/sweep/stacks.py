"""Stacks: all runs of one variant as one set of variables with a leading run axis R.

A stack has one operation, `forward()`. It returns the end-to-end affine map of every run,

    kernel (R, d, k), bias (R, 1, k) or None, and update(kernel_gradient, bias_gradient),

where `update` carries dL/dK and dL/db back to the run's own parameters and takes one step of its
own optimizer. The pass over the data sees the kernels only, not how a stack parametrises them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.layers import FactorizedDense
from overparam_tf.sweep.one_by_one import OneByOne, optimizers_of, recorded_optimizer
from overparam_tf.sweep.template import is_elementwise
from overparam_tf.sweep.variant import Variant

Update = Callable[[tf.Tensor, "tf.Tensor | None"], None]
Forward = tuple[tf.Tensor, "tf.Tensor | None", Update]


class StackedRates(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rates of the runs as one tensor of shape (R, 1, 1).

    Keras's elementwise optimizers only ever multiply by the learning rate, so with this schedule
    each of them trains the whole stack unchanged, every run at its own rate.

    Args:
        rates: One rate a run.
    """

    def __init__(self, rates: Sequence[float]):
        self.rates = np.reshape(np.asarray(rates, "float64"), (-1, 1, 1))

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the rates, the same at every step."""
        return tf.constant(self.rates)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"rates": self.rates.ravel().tolist()}


class Stack(ABC):
    """The parameters of R runs: factors (R, in, out), and after each a bias (R, 1, out) or None.

    Args:
        factors: One variable a factor.
        biases: One entry a factor: a variable, or None for no bias.

    Attributes:
        factors: The factors.
        biases: The biases.
        variables: All factors, then all biases that there are.
        runs: R.
    """

    def __init__(self, factors: list[keras.Variable], biases: list[keras.Variable | None]):
        self.factors = factors
        self.biases = biases
        self.variables = factors + [bias for bias in biases if bias is not None]
        self.runs: int = factors[0].shape[0]

    @abstractmethod
    def forward(self) -> Forward:
        """Return the end-to-end kernels and biases, and the update that takes their gradients."""

    @property
    def changing(self) -> list[keras.Variable]:
        """Return every variable that a step changes."""
        return self.variables

    @property
    def width(self) -> str:
        """Return the inner widths for tables: `"1"`, `"20,10"`, or `"-"` without an inner layer."""
        widths = [factor.shape[2] for factor in self.factors[:-1]]
        distinct = widths if len(set(widths)) > 1 else widths[:1]
        return ",".join(map(str, distinct)) or "-"

    def layer_config(self, dtype: str) -> dict[str, Any]:
        """Return the config of the `FactorizedDense` that holds the weights of one run."""
        *inner, last = self.factors
        layer = FactorizedDense(
            last.shape[2],
            depth=len(self.factors),
            width=[factor.shape[2] for factor in inner] or None,
            use_bias=self.biases[-1] is not None,
            use_factor_biases=any(bias is not None for bias in self.biases[:-1]),
            factor_initializer="near_zero",
            dtype=dtype,
            # Keras would number the name, and the same run would leave other bytes behind.
            name="factorized_dense",
        )
        return layer.get_config()

    def weights(self, run: int) -> list[np.ndarray]:
        """Return the factors, then the biases, of one run, in the order of `FactorizedDense`."""
        values = [keras.ops.convert_to_numpy(variable) for variable in self.variables]
        return weights_of(values, len(self.factors), run)


class FactorStack(Stack):
    """Factors F_1 .. F_N, each updated by a Keras optimizer.

    Args:
        variant: The runs.
        features: Input size d.
        outputs: Output size k.
        dtype: `"float32"` or `"float64"`.
        optimizer: A Keras optimizer; default None, the variant's with the rates of the runs.

    Attributes:
        optimizer: The optimizer.
    """

    def __init__(
        self,
        variant: Variant,
        features: int,
        outputs: int,
        dtype: str,
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        layers = layers_of_runs(variant, features, outputs)
        factors = zip(*(layer.factors for layer in layers), strict=True)
        biases = zip(*(layer.biases for layer in layers), strict=True)
        first, *_ = layers
        names = [factor.name for factor in first.factors]
        super().__init__(
            [stacked(factor, dtype, name) for factor, name in zip(factors, names, strict=True)],
            [stacked_bias(bias, dtype) for bias in biases],
        )
        own = [bias for bias in self.biases if bias is not None]
        self.optimizer = (
            stack_optimizer(variant, self.variables, own)
            if optimizer is None
            else recorded_optimizer(optimizer, self.variables, own)
        )

    @property
    def changing(self) -> list[keras.Variable]:
        """Return factors, biases, and the optimizer's slots and step counter."""
        return self.variables + self.optimizer.variables

    def forward(self) -> Forward:
        """Return kernels, biases, and the update that the chain rule makes of their gradients."""
        with tf.GradientTape() as tape:
            kernel, bias = affine_product(self.factors, self.biases)

        def update(kernel_gradient: tf.Tensor, bias_gradient: tf.Tensor | None) -> None:
            outputs, gradients = [kernel], [kernel_gradient]
            if bias is not None:
                outputs, gradients = [kernel, bias], [kernel_gradient, bias_gradient]
            values = [variable.value for variable in self.variables]
            own_gradients = tape.gradient(outputs, values, output_gradients=gradients)
            self.optimizer.apply(own_gradients, self.variables)

        return kernel, bias, update


def weights_of(variables: Sequence[np.ndarray], depth: int, run: int) -> list[np.ndarray]:
    """Return the factors, then the biases, of one run, in the order of `FactorizedDense`.

    Args:
        variables: Factors (R, in, out), then biases (R, 1, out).
        depth: Number of factors.
        run: Number of the run in the stack.
    """
    values = [variable[run] for variable in variables]
    return values[:depth] + [bias[0] for bias in values[depth:]]


def stack_optimizer(
    variant: Variant, variables: Sequence[keras.Variable], biases: Sequence[keras.Variable]
) -> keras.optimizers.Optimizer | OneByOne:
    """Return the built optimizer of a stack, every run at its own rate.

    Args:
        variant: The runs.
        variables: The variables of the stack.
        biases: Those of them that are biases.
    """
    if not is_elementwise(variant.optimizer):
        return optimizers_of(variant, variables, biases)
    optimizer = variant.optimizer_with(StackedRates([rate for rate, _ in variant.runs]))
    optimizer.build(variables)
    return optimizer


def affine_product(
    factors: Sequence[keras.Variable], biases: Sequence[keras.Variable | None]
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Return kernel F_1 F_2 .. F_N and bias ((b_1 F_2 + b_2) F_3 + ..) + b_N of every run.

    Args:
        factors: N variables of shapes (R, in, out).
        biases: N entries, each None or a variable of shape (R, 1, out).

    Returns:
        The kernel, (R, d, k), and the bias, (R, 1, k), or None if no factor has a bias.
    """
    *inner_factors, last_factor = factors
    *inner_biases, last_bias = biases
    kernel = last_factor.value
    bias = None if last_bias is None else last_bias.value
    # From the output side: its factors are the narrow ones, down to vectors for a single output.
    for factor, factor_bias in zip(reversed(inner_factors), reversed(inner_biases), strict=True):
        if factor_bias is not None:
            carried = _product(factor_bias.value, kernel)
            bias = carried if bias is None else carried + bias
        kernel = _product(factor.value, kernel)
    return kernel, bias


def _product(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    # Width 1 is an outer product: elementwise, so the compiler fuses it with its neighbours.
    return left * right if left.shape[-1] == 1 else left @ right


def layers_of_runs(variant: Variant, features: int, outputs: int) -> list[FactorizedDense]:
    """Return the layer of every run; runs of one seed share one."""
    layers = {seed: variant.layer(features, outputs, seed) for seed in variant.seeds}
    return [layers[seed] for _, seed in variant.runs]


def stacked(weights: Sequence[Any], dtype: str, name: str) -> keras.Variable:
    """Return one array or variable of every run as a variable with a leading axis R."""
    values = np.stack([keras.ops.convert_to_numpy(weight) for weight in weights])
    return keras.Variable(values, dtype=dtype, name=name)


def stacked_bias(biases: Sequence[keras.Variable | None], dtype: str) -> keras.Variable | None:
    """Return one bias of every run as a variable (R, 1, out), or None without it.

    A row, so that the learning rates (R, 1, 1) apply to it too.
    """
    first, *_ = biases
    if first is None:
        return None
    values = np.stack([keras.ops.convert_to_numpy(bias) for bias in biases])
    return keras.Variable(values[:, None, :], dtype=dtype, name=first.name)
