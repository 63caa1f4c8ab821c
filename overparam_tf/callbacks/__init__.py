"""Keras callbacks that record the end-to-end kernels of a model while its factors are trained."""

from overparam_tf.callbacks.end_to_end_monitor import EndToEndMonitor
from overparam_tf.callbacks.singular_values import effective_rank

__all__ = ["EndToEndMonitor", "effective_rank"]
