"""The record of a run: its folder, its origin, its progress, and TensorBoard's event files."""

from overparam_tf.runlog.environment import environment, machine
from overparam_tf.runlog.folder import RunFolder, release_locks
from overparam_tf.runlog.progress import ProgressReport
from overparam_tf.runlog.tensorboard import TensorBoardLog, run_name

__all__ = ["ProgressReport", "RunFolder", "TensorBoardLog", "environment", "machine", "release_locks", "run_name"]
