"""What workers must do alike: each says what it has, and all learn the same answer."""

from __future__ import annotations

import hashlib

import numpy as np
import tensorflow as tf

from overparam_tf.distributed.loop import sum_over_workers
from overparam_tf.distributed.strategies import is_chief


def any_worker(strategy: tf.distribute.Strategy, *votes: bool) -> tuple[bool, ...]:
    """Whether any worker says so, of each vote. All must call this at the same point of the program."""
    return tuple(bool(count) for count in sum_over_workers(strategy, tf.constant(votes, tf.float32)).numpy())


def of_chief(strategy: tf.distribute.Strategy, value: int) -> int:
    """The chief's value. All workers must call this at the same point of the program."""
    return int(sum_over_workers(strategy, tf.constant(value if is_chief(strategy) else 0, tf.int32)).numpy())


def is_alike(strategy: tf.distribute.Strategy, value: str) -> bool:
    """Whether every worker has the same text (but for a chance of 1 in 2^24). All must call this together.

    Example:
        >>> is_alike(tf.distribute.get_strategy(), "one process is like itself")
        True
    """
    number = int.from_bytes(hashlib.sha256(value.encode()).digest()[:3], "little")
    # Equal numbers have variance zero; sums of their squares are exact, below 2^53.
    moments = np.array([1, number, number**2], np.float64)
    count, total, squares = sum_over_workers(strategy, tf.constant(moments)).numpy()
    return int(count) * int(squares) == int(total) ** 2
