"""Optimizers: the settings of 2019 for Keras 3."""

from overparam_tf.optimizers.legacy_2019 import legacy_2019

__all__ = ["legacy_2019"]
