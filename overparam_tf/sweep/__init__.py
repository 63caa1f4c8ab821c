"""The sweep engine: every variant, rate and seed trained in lock step on one pass over the data a step."""

from overparam_tf.progress import Progress
from overparam_tf.sweep.history import History
from overparam_tf.sweep.recorder import record_steps
from overparam_tf.sweep.sweep import Sweep
from overparam_tf.sweep.variant import Variant

__all__ = ["History", "Progress", "Sweep", "Variant", "record_steps"]
