"""Checkpoints of long runs: atomic, checksummed, the last few kept, never of another run."""

from overparam_tf.checkpoints.checkpoints import Checkpoint, Checkpoints
from overparam_tf.checkpoints.difference import first_difference

__all__ = ["Checkpoint", "Checkpoints", "first_difference"]
