"""What layers with products compute differently from their own class: the same, at a lower cost."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops
from keras.layers import Layer

from overparam_tf.products import Product, composed_once
from overparam_tf.surgery._entries import tracked_products

# Layers that call the layers inside them at each step of time.
LOOPS = (keras.layers.RNN, keras.layers.TimeDistributed)


def calls(plain_class: type[Layer]) -> dict[str, Callable[..., Any]]:
    """Return the `call` of the class of a layer with products, by its name; {} for its own.

    Example:
        >>> list(calls(keras.layers.Dense)), list(calls(keras.layers.Conv2D))
        (['call'], [])
    """
    if plain_class is keras.layers.Dense:  # a subclass may compute something else
        return {"call": _dense}
    if issubclass(plain_class, LOOPS):
        return {"call": _composing_once(plain_class.call)}
    return {}


@functools.wraps(keras.layers.Dense.call)
def _dense(self: Any, inputs: Any, training: Any = None) -> Any:
    """Return the output of a Dense layer: factors first or data first, as it is cheaper."""
    kernel = self._kernel  # Keras's property computes LoRA and quantisation, which are refused
    if not isinstance(kernel, Product):
        return keras.layers.Dense.call(self, inputs, training)
    outputs = kernel.multiplied(inputs)
    if self.bias is not None:
        outputs = ops.add(outputs, self.bias)
    return outputs if self.activation is None else self.activation(outputs)


def _composing_once(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `call` that composes the products inside the layer once, not at every step."""

    @functools.wraps(call)
    def call_once(self: Any, *args: Any, **kwargs: Any) -> Any:
        products = [
            product for layer in self._flatten_layers() for product in tracked_products(layer)
        ]
        with composed_once(products):
            return call(self, *args, **kwargs)

    return call_once
