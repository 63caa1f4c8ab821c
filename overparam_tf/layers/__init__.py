"""Keras layers whose kernel is a product of factors."""

from overparam_tf.layers.factorized_dense import FactorizedDense

__all__ = ["FactorizedDense"]
