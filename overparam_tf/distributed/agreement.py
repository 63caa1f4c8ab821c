"""What workers must do alike: each says what it has, and all learn the same answer."""

from __future__ import annotations

import hashlib

import numpy as np
import tensorflow as tf

from overparam_tf.distributed.loop import sum_over_workers
from overparam_tf.distributed.strategies import is_chief


def any_worker(strategy: tf.distribute.Strategy, *votes: bool) -> tuple[bool, ...]:
    """Whether any worker says so, of each vote. All must call this at the same point of the program."""
    return tuple(
        bool(count) for count in sum_over_workers(strategy, tf.constant(votes, tf.float32)).numpy()
    )


def of_chief(strategy: tf.distribute.Strategy, value: int) -> int:
    """The chief's value. All workers must call this at the same point of the program."""
    return int(
        sum_over_workers(
            strategy, tf.constant(value if is_chief(strategy) else 0, tf.int32)
        ).numpy()
    )


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


def text_of_chief(strategy: tf.distribute.Strategy, text: str) -> str:
    """The chief's text. All workers must call this at the same point of the program.

    Example:
        >>> text_of_chief(tf.distribute.get_strategy(), "logs/Größe")
        'logs/Größe'
    """
    content = text.encode() if is_chief(strategy) else b""
    length = of_chief(strategy, len(content))
    letters = np.frombuffer(content.ljust(length, b"\0"), np.uint8)
    return (
        sum_over_workers(strategy, tf.constant(letters, tf.int32))
        .numpy()
        .astype(np.uint8)
        .tobytes()
        .decode()
    )
