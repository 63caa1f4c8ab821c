"""The loss of a worker of the cluster as one clear error."""

from __future__ import annotations

import contextlib
import re
import traceback
from collections.abc import Iterator

import tensorflow as tf

from overparam_tf.distributed.strategies import check_strategy, worker_count
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
    """Raise a `WorkerLostError` of one line for what TensorFlow raises when a worker is lost.

    Args:
        strategy: The strategy under which the workers compute.

    Raises:
        InputError: If `strategy` is no `tf.distribute.Strategy`.
        WorkerLostError: If another worker ended or cannot be reached.

    Example:
        >>> with workers_watched(tf.distribute.get_strategy()):  # one process: no other to lose
        ...     pass
    """
    check_strategy(strategy)
    try:
        yield
    except tf.errors.OpError as error:
        is_sign = isinstance(error, SIGNS) or "Collective ops is aborted" in error.message
        if worker_count(strategy) == 1 or not is_sign:
            raise
        # A sum that fails leaves its pool of threads open in these frames, and an open pool may
        # print a traceback when the interpreter ends.
        traceback.clear_frames(error.__traceback__)
        without_marks = re.sub(r"\{\{.*?\}\}", "", error.message)
        reason, *_ = without_marks.split("\n")
        raise WorkerLostError(
            f"Expected an answer from every worker. Received: {reason.strip()[:200]!r}; "
            "start all workers again, and training continues from the newest checkpoint"
        ) from None
