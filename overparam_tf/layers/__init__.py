"""Keras layers whose kernel is a product of factors."""

from overparam_tf.layers.factorized_attention import FactorizedMultiHeadAttention
from overparam_tf.layers.factorized_conv2d import FactorizedConv2D
from overparam_tf.layers.factorized_dense import FactorizedDense
from overparam_tf.layers.factorized_einsum_dense import FactorizedEinsumDense
from overparam_tf.layers.factorized_layer import FactorizedLayer

__all__ = [
    "FactorizedConv2D",
    "FactorizedDense",
    "FactorizedEinsumDense",
    "FactorizedLayer",
    "FactorizedMultiHeadAttention",
]
