"""Any Keras model on one device, several, or several machines."""

from overparam_tf.distributed.failures import WorkerLostError, workers_watched
from overparam_tf.distributed.strategies import get_strategy, is_chief
from overparam_tf.distributed.training import Training, train

__all__ = ["Training", "WorkerLostError", "get_strategy", "is_chief", "train", "workers_watched"]
