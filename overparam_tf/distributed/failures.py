"""One clear error where a worker of the cluster is gone."""

from __future__ import annotations

import contextlib
import re
import traceback
from collections.abc import Iterator

import tensorflow as tf

from overparam_tf.distributed.strategies import worker_count
from overparam_tf.errors import WorkerLostError

# TensorFlow's heartbeats miss a worker after about ten seconds; a broken connection shows at once.
SIGNS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


@contextlib.contextmanager
def workers_watched(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Turn what TensorFlow says when workers lose each other into a `WorkerLostError` of one line.

    Example:
        >>> with workers_watched(tf.distribute.get_strategy()):  # one process: nobody to lose
        ...     pass
    """
    try:
        yield
    except tf.errors.OpError as error:
        lost = isinstance(error, SIGNS) or "Collective ops is aborted" in error.message
        if worker_count(strategy) == 1 or not lost:
            raise
        # A sum that fails leaves its pool of threads open in these frames, and an open pool may print a traceback
        # when the interpreter ends.
        traceback.clear_frames(error.__traceback__)
        reason = re.sub(r"\{\{.*?\}\}", "", error.message).split("\n")[0].strip()
        raise WorkerLostError(
            f"Expected an answer from every worker. Received: {reason[:200]!r}; "
            "start all workers again, and training continues from the newest checkpoint"
        ) from None
