"""Keras optimizers: the end-to-end rule of Theorem 1, and the presets of the 2019 experiments."""

from overparam_tf.optimizers.axes_of_layers import kernel_axes
from overparam_tf.optimizers.end_to_end import EndToEnd
from overparam_tf.optimizers.end_to_end_sgd import EndToEndSGD
from overparam_tf.optimizers.keras_2019 import legacy_2019

__all__ = ["EndToEnd", "EndToEndSGD", "kernel_axes", "legacy_2019"]
