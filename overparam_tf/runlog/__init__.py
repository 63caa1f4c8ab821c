"""The record of a run: its folder, its origin, its progress, and its files for TensorBoard."""

from overparam_tf.runlog.folder import RunFolder, RunStatus
from overparam_tf.runlog.live_curves import LiveCurves
from overparam_tf.runlog.lock import release_locks
from overparam_tf.runlog.origin import environment, machine
from overparam_tf.runlog.progress import ProgressReport
from overparam_tf.runlog.resume import AlreadyFinished, open_run
from overparam_tf.runlog.tensorboard import TensorBoardLog, run_name

__all__ = [
    "AlreadyFinished",
    "LiveCurves",
    "ProgressReport",
    "RunFolder",
    "RunStatus",
    "TensorBoardLog",
    "environment",
    "machine",
    "open_run",
    "release_locks",
    "run_name",
]
