"""Sums over workers by which all of them learn the same answer.

All workers must call these functions together, at the same point of the program.
"""

from __future__ import annotations

import hashlib

import numpy as np
import tensorflow as tf

from overparam_tf.distributed.loop import sum_over_workers
from overparam_tf.distributed.strategies import is_chief


def any_worker(strategy: tf.distribute.Strategy, *votes: bool) -> tuple[bool, ...]:
    """Return, for each vote, whether any worker votes yes."""
    counts = sum_over_workers(strategy, tf.constant(votes, tf.float32)).numpy()
    return tuple(bool(count) for count in counts)


def of_chief(strategy: tf.distribute.Strategy, value: int) -> int:
    """Return the chief's value."""
    term = value if is_chief(strategy) else 0
    return int(sum_over_workers(strategy, tf.constant(term, tf.int32)).numpy())


def is_alike(strategy: tf.distribute.Strategy, value: str) -> bool:
    """Return whether every worker has the same text, up to a chance of 1 in 2^24.

    Example:
        >>> is_alike(tf.distribute.get_strategy(), "one process is like itself")
        True
    """
    number = int.from_bytes(hashlib.sha256(value.encode()).digest()[:3], "little")
    # Equal numbers have variance zero; sums of their squares are exact, below 2^53.
    moments = np.array([1, number, number**2], np.float64)
    count, total, squares = sum_over_workers(strategy, tf.constant(moments)).numpy()
    return int(count) * int(squares) == int(total) ** 2


def text_of_chief(strategy: tf.distribute.Strategy, text: str) -> str:
    """Return the chief's text.

    Example:
        >>> text_of_chief(tf.distribute.get_strategy(), "logs/Größe")
        'logs/Größe'
    """
    content = text.encode() if is_chief(strategy) else b""
    length = of_chief(strategy, len(content))
    letters = np.frombuffer(content.ljust(length, b"\0"), np.uint8)
    sums = sum_over_workers(strategy, tf.constant(letters, tf.int32)).numpy()
    return sums.astype(np.uint8).tobytes().decode()
