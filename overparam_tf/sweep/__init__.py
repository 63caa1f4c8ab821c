"""Sweeps: all variants, learning rates and seeds trained in lock step on one problem."""

from overparam_tf.progress import Progress
from overparam_tf.status import TrainingStatus
from overparam_tf.sweep.history import History
from overparam_tf.sweep.recorded_run import RecordedRun
from overparam_tf.sweep.recorder import record_steps
from overparam_tf.sweep.sweep import Sweep
from overparam_tf.sweep.variant import Variant

__all__ = [
    "History",
    "Progress",
    "RecordedRun",
    "Sweep",
    "TrainingStatus",
    "Variant",
    "record_steps",
]
