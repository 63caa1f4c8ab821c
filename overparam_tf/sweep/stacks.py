"""A stack: all runs of one variant as one set of variables with a leading run axis R.

A stack offers the sweep one operation, `forward()`. It returns the end-to-end affine map of every run,

    kernel (R, d, k), bias (R, 1, k) or None, and update(kernel_gradient, bias_gradient),

where `update` carries dL/dK and dL/db back to the run's own parameters and takes one step of its own optimizer.
How the kernel is parametrised is the stack's affair; the pass over the data never sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.dynamics import end_to_end_update
from overparam_tf.layers import FactorizedDense
from overparam_tf.sweep.variant import Variant

Update = Callable[[tf.Tensor, "tf.Tensor | None"], None]
Forward = tuple[tf.Tensor, "tf.Tensor | None", Update]


class StackedRates(keras.optimizers.schedules.LearningRateSchedule):
    """The runs' learning rates as one tensor of shape (R, 1, 1).

    Keras's elementwise optimizers only ever multiply by the learning rate, so this makes each of them train the
    whole stack, every run at its own rate, unchanged.
    """

    def __init__(self, rates: np.ndarray):
        self.rates = np.reshape(np.asarray(rates, "float64"), (-1, 1, 1))

    def __call__(self, step):
        """The rates, the same at every step."""
        return tf.constant(self.rates)

    def get_config(self):
        """The constructor's arguments."""
        return {"rates": self.rates.ravel().tolist()}


def make_stack(
    variant: Variant, features: int, outputs: int, dtype: str
) -> FactorStack | EndToEndStack:
    """The stack that trains `variant` on a problem with `features` inputs and `outputs` outputs."""
    stack = FactorStack if variant.update == "factors" else EndToEndStack
    return stack(variant, features, outputs, dtype)


class _Stack:
    """What both kinds of stack share: factors (R, in, out), and one bias (R, 1, out) or None after each factor."""

    def __init__(self, factors: list[keras.Variable], biases: list[keras.Variable | None]):
        self.factors = factors
        self.biases = biases
        self.variables = factors + [bias for bias in biases if bias is not None]
        self.runs = factors[0].shape[0]

    @property
    def changing(self) -> list[keras.Variable]:
        """Every variable that a step changes."""
        return self.variables

    @property
    def width(self) -> str:
        """Inner widths for tables: `"1"`, `"20,10"`, or `"-"` where there is no inner layer."""
        widths = [factor.shape[2] for factor in self.factors[:-1]]
        return ",".join(map(str, widths if len(set(widths)) > 1 else widths[:1])) or "-"

    def layer_config(self, dtype: str) -> dict[str, Any]:
        """Config of the `FactorizedDense` that holds one run's weights."""
        layer = FactorizedDense(
            self.factors[-1].shape[2],
            depth=len(self.factors),
            width=[factor.shape[2] for factor in self.factors[:-1]] or None,
            use_bias=self.biases[-1] is not None,
            use_factor_biases=any(bias is not None for bias in self.biases[:-1]),
            dtype=dtype,
            name="factorized_dense",  # Keras would number it, and the same run leave other bytes behind
        )
        return layer.get_config()

    def weights(self, run: int) -> list[np.ndarray]:
        """Factors, then biases, of one run, in the order of `FactorizedDense.factors` and `.biases`."""
        values = [keras.ops.convert_to_numpy(variable)[run] for variable in self.variables]
        return [value if j < len(self.factors) else value[0] for j, value in enumerate(values)]


class FactorStack(_Stack):
    """Factors F_1 .. F_N, each updated by the variant's Keras optimizer."""

    def __init__(self, variant: Variant, features: int, outputs: int, dtype: str):
        layers = _layers_of_runs(variant, features, outputs)
        super().__init__(
            [
                _stacked(factor, dtype)
                for factor in zip(*(layer.factors for layer in layers), strict=True)
            ],
            # Rows, so that the learning rates (R, 1, 1) apply to biases too.
            [
                _stacked(bias, dtype, as_rows=True)
                for bias in zip(*(layer.biases for layer in layers), strict=True)
            ],
        )
        self.optimizer = variant.optimizer_with(StackedRates([rate for rate, _ in variant.runs]))
        self.optimizer.build(self.variables)

    @property
    def changing(self) -> list[keras.Variable]:
        """The optimizer's slots and its counter of steps too."""
        return self.variables + self.optimizer.variables

    def forward(self) -> Forward:
        """The end-to-end kernels and biases, and the update that the chain rule makes of their gradients."""
        with tf.GradientTape() as tape:
            kernel, bias = affine_product(self.factors, self.biases)

        def update(kernel_gradient: tf.Tensor, bias_gradient: tf.Tensor | None) -> None:
            outputs, gradients = [kernel], [kernel_gradient]
            if bias is not None:
                outputs, gradients = [kernel, bias], [kernel_gradient, bias_gradient]
            values = [variable.value for variable in self.variables]
            self.optimizer.apply(
                tape.gradient(outputs, values, output_gradients=gradients), self.variables
            )

        return kernel, bias, update


class EndToEndStack(_Stack):
    """Kernels moved by the end-to-end rule of Theorem 1, as if they were products of `depth` factors."""

    def __init__(self, variant: Variant, features: int, outputs: int, dtype: str):
        layers = _layers_of_runs(variant, features, outputs)
        super().__init__(
            [_stacked([layer.kernel for layer in layers], dtype)],
            [_stacked([layer.bias for layer in layers], dtype, as_rows=True)],
        )
        self.depth = variant.depth
        self.rates = tf.constant([[[rate]] for rate, _ in variant.runs], dtype)
        self.weight_decay = float(variant.optimizer.weight_decay or 0.0)

    def forward(self) -> Forward:
        """The kernels and biases themselves, and the rule that moves them."""
        kernel, bias = affine_product(self.factors, self.biases)

        def update(kernel_gradient: tf.Tensor, bias_gradient: tf.Tensor | None) -> None:
            shrink = 1 - self.rates * (self.weight_decay * self.depth)
            direction = end_to_end_update(kernel, kernel_gradient, self.depth)
            self.factors[0].assign(shrink * kernel - self.rates * direction)
            if bias is not None:
                # A bias is one vector, not a product: plain gradient descent with plain decay.
                self.biases[0].assign(
                    (1 - self.rates * self.weight_decay) * bias - self.rates * bias_gradient
                )

        return kernel, bias, update


def affine_product(factors: list, biases: list) -> tuple[tf.Tensor, tf.Tensor | None]:
    """End-to-end kernel F_1 F_2 .. F_N and bias ((b_1 F_2 + b_2) F_3 + ..) + b_N of every run.

    Args:
        factors: N variables of shapes (R, in, out).
        biases: N entries, each None or a variable of shape (R, 1, out).

    Returns:
        The kernel, (R, d, k), and the bias, (R, 1, k), or None where no factor has a bias.
    """
    kernel, bias = factors[-1].value, biases[-1].value if biases[-1] is not None else None
    # From the output side: its factors are the narrow ones, down to vectors for a single output.
    for factor, factor_bias in zip(reversed(factors[:-1]), reversed(biases[:-1]), strict=True):
        if factor_bias is not None:
            carried = _product(factor_bias.value, kernel)
            bias = carried if bias is None else carried + bias
        kernel = _product(factor.value, kernel)
    return kernel, bias


def _product(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    # Width 1 is an outer product: elementwise, so the compiler fuses it with its neighbours.
    return left * right if left.shape[-1] == 1 else left @ right


def _layers_of_runs(variant: Variant, features: int, outputs: int) -> list[FactorizedDense]:
    layers = {seed: variant.layer(features, outputs, seed) for seed in variant.seeds}
    return [layers[seed] for _, seed in variant.runs]


def _stacked(weights: Sequence, dtype: str, as_rows: bool = False) -> keras.Variable | None:
    """One weight of every run as a variable (R, ...), vectors (R, 1, out) if `as_rows`; None where there is none."""
    if any(weight is None for weight in weights):
        return None
    values = np.stack([keras.ops.convert_to_numpy(weight) for weight in weights])
    return keras.Variable(values[:, None, :] if as_rows else values, dtype=dtype)
