"""The factorised class of each plain Keras layer."""

from __future__ import annotations

from typing import Any

import keras

from overparam_tf.layers.factorized_attention import FactorizedMultiHeadAttention, projections
from overparam_tf.layers.factorized_conv2d import FactorizedConv2D
from overparam_tf.layers.factorized_dense import FactorizedDense
from overparam_tf.layers.factorized_einsum_dense import FactorizedEinsumDense

# By exact type: a subclass may compute something else with the same weights.
FACTORIZED: dict[type[keras.layers.Layer], Any] = {
    keras.layers.Dense: FactorizedDense,
    keras.layers.Conv2D: FactorizedConv2D,
    keras.layers.EinsumDense: FactorizedEinsumDense,
    keras.layers.MultiHeadAttention: FactorizedMultiHeadAttention,
}
SUPPORTED = ", ".join(plain.__name__ for plain in FACTORIZED)


def parts(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Return the layers inside `layer` that own a kernel, plain and factorised in the same order.

    Example:
        >>> [part.name for part in parts(keras.layers.Dense(3, name="head"))]
        ['head']
    """
    return projections(layer) if isinstance(layer, keras.layers.MultiHeadAttention) else [layer]
