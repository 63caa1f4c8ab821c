"""Stacks without factors: kernels that move by a rule, and the stack of every variant."""

from __future__ import annotations

import keras
import tensorflow as tf

from overparam_tf.dynamics import precondition
from overparam_tf.dynamics.products import has_products
from overparam_tf.sweep.kernel_rules import rule_of
from overparam_tf.sweep.stacks import (
    FactorStack,
    Forward,
    Stack,
    affine_product,
    layers_of_runs,
    stack_optimizer,
    stacked,
    stacked_bias,
)
from overparam_tf.sweep.template import decay_of
from overparam_tf.sweep.variant import Variant


class EndToEndStack(Stack):
    """Kernels that move as products of `depth` factors would, with the state that this needs.

    Args:
        variant: The runs; its update is any but `"factors"`.
        features: Input size d.
        outputs: Output size k.
        dtype: `"float32"` or `"float64"`.

    Attributes:
        state: Further variables beside the kernels, such as the differences of the squared norms of
            the factors.

    Raises:
        InputError: If the kernel does not determine such a step.
    """

    def __init__(self, variant: Variant, features: int, outputs: int, dtype: str):
        layers = layers_of_runs(variant, features, outputs)
        self._step, kernels, state = rule_of(variant, layers, dtype)
        super().__init__(
            [stacked(kernels, dtype, "kernel")],
            [stacked_bias([layer.bias for layer in layers], dtype)],
        )
        self.state = [stacked(values, dtype, name) for name, values in state.items()]
        self.rates = tf.constant([[[rate]] for rate, _ in variant.runs], dtype)
        self.kernel_decay, self.bias_decay = (
            tf.constant([[[decay_of(variant.optimizer, name)]]], dtype)
            for name in ("kernel", "bias")
        )

    @property
    def changing(self) -> list[keras.Variable]:
        """Return kernels, biases, and the further state."""
        return self.variables + self.state

    def forward(self) -> Forward:
        """Return the kernels and biases themselves, and the rule that updates them."""
        kernel, bias = affine_product(self.factors, self.biases)

        def update(kernel_gradient: tf.Tensor, bias_gradient: tf.Tensor | None) -> None:
            values = (variable.value for variable in (*self.factors, *self.state))
            state = tuple(tf.convert_to_tensor(value) for value in values)
            moved = self._step(state, kernel_gradient, self.rates, self.kernel_decay)
            for variable, value in zip((*self.factors, *self.state), moved, strict=True):
                variable.assign(value)
            (bias_variable,) = self.biases
            if bias_variable is not None:
                # A bias is one vector, not a product: plain gradient descent with plain decay.
                bias_variable.assign(
                    (1 - self.rates * self.bias_decay) * bias - self.rates * bias_gradient
                )

        return kernel, bias, update


class PreconditionedStack(Stack):
    """Kernels updated by a Keras optimizer that gets their gradients as the rule turns them.

    Args:
        variant: The runs.
        features: Input size d.
        outputs: Output size k.
        dtype: `"float32"` or `"float64"`.

    Attributes:
        optimizer: The optimizer.
    """

    def __init__(self, variant: Variant, features: int, outputs: int, dtype: str):
        layers = layers_of_runs(variant, features, outputs)
        super().__init__(
            [stacked([layer.kernel for layer in layers], dtype, "kernel")],
            [stacked_bias([layer.bias for layer in layers], dtype)],
        )
        self._depth = variant.depth
        self._method = "products" if has_products(variant.depth) else "svd"
        biases = [bias for bias in self.biases if bias is not None]
        self.optimizer = stack_optimizer(variant, self.variables, biases)

    @property
    def changing(self) -> list[keras.Variable]:
        """Return kernels, biases, and the optimizer's slots and step counter."""
        return self.variables + self.optimizer.variables

    def forward(self) -> Forward:
        """Return the kernels and biases themselves, and the optimizer's update."""
        kernel, bias = affine_product(self.factors, self.biases)

        def update(kernel_gradient: tf.Tensor, bias_gradient: tf.Tensor | None) -> None:
            values = tf.convert_to_tensor(kernel)
            turned = precondition(values, kernel_gradient, self._depth, self._method)
            gradients = [turned]
            if bias is not None:
                gradients.append(bias_gradient)
            self.optimizer.apply(gradients, self.variables)

        return kernel, bias, update


def make_stack(variant: Variant, features: int, outputs: int, dtype: str) -> Stack:
    """Return the stack that trains `variant` on `features` inputs and `outputs` outputs."""
    if variant.update == "factors":
        return FactorStack(variant, features, outputs, dtype)
    if variant.update == "preconditioned":
        return PreconditionedStack(variant, features, outputs, dtype)
    return EndToEndStack(variant, features, outputs, dtype)
