"""Which plain Keras layer becomes which factorised one."""

from __future__ import annotations

import keras

from overparam_tf.layers.factorized_dense import FactorizedDense

# By exact type: a subclass may compute something else with the same weights.
FACTORIZED = {
    keras.layers.Dense: FactorizedDense,
}
SUPPORTED = ", ".join(plain.__name__ for plain in FACTORIZED)


def parts(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Return the layers in ``layer`` that own a kernel, plain and factorised in the same order.

    Example:
        >>> [part.name for part in parts(keras.layers.Dense(3, name="head"))]
        ['head']
    """
    return [layer]
