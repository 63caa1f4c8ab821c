"""The processes that train together under a strategy, and what they must agree upon."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import TypeVar

import tensorflow as tf

from overparam_tf.distributed.agreement import any_worker, is_alike, of_chief, text_of_chief
from overparam_tf.distributed.failures import workers_watched
from overparam_tf.distributed.loop import sum_over_workers
from overparam_tf.distributed.requirements import device_of_rows
from overparam_tf.distributed.strategies import is_chief, worker_count
from overparam_tf.errors import InputError
from overparam_tf.stopping import StopSignals

R = TypeVar("R")


class ChiefEnded(Exception):
    """The first of several workers has nothing to train, or failed; the others have nothing to do."""

    def __init__(self) -> None:
        super().__init__("The first worker ended before the training; it says why.")


class Workers:
    """The processes of a strategy; most often there is one.

    All of them must call the methods together, in the same order. Where the chief fails in one of
    them it raises its own error, and the others raise `ChiefEnded`.

    Args:
        strategy: A `tf.distribute.Strategy`, or None: one process on TensorFlow's default device.

    Attributes:
        has_others: Whether there are several processes.
        is_chief: Whether this process writes files and draws.

    Example:
        >>> workers = Workers(None)
        >>> workers.has_others, workers.is_chief, workers.text_of_chief(lambda: "logs/run")
        (False, True, 'logs/run')
    """

    def __init__(self, strategy: tf.distribute.Strategy | None):
        self._strategy = strategy
        self.has_others = strategy is not None and worker_count(strategy) > 1
        self.is_chief = not self.has_others or is_chief(strategy)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Open a block in which all of them compute.

        In it a lost worker is a `WorkerLostError`. A strategy with a single device computes there.
        """
        if self._strategy is None:
            yield
        elif self._strategy.num_replicas_in_sync == 1:
            with tf.device(device_of_rows(self._strategy)):
                yield
        else:
            with workers_watched(self._strategy):
                yield

    def any(self, *votes: bool) -> tuple[bool, ...]:
        """Return, for each vote, whether any worker says yes."""
        return any_worker(self._strategy, *votes) if self.has_others else votes

    def agree(self, stop: bool, size: int) -> tuple[bool, int]:
        """Return whether any worker is to stop, and how many steps the chief takes next.

        A worker that decided by its own clock would leave the others waiting.
        """
        if not self.has_others:
            return stop, size
        ballot = tf.constant((stop, self.is_chief * size), tf.int32)
        stops, size = sum_over_workers(self._strategy, ballot).numpy()
        return bool(stops), int(size)

    def are_alike(self, value: str) -> bool:
        """Return whether every worker has the same text."""
        return not self.has_others or is_alike(self._strategy, value)

    def require_alike(self, what: str, value: str) -> None:
        """Raise an `InputError` on every worker unless all have the same value."""
        if not self.are_alike(value):
            raise InputError(
                f"Expected the same {what} on every worker. "
                f"Received: others than {value}, the one here"
            )

    def chief_first(self, action: Callable[[], R]) -> R:
        """Return what `action` returns: called on the chief, and only then on the others.

        One downloads, and the others find the file there.
        """
        result = self._on_chief(action)
        return result if self.is_chief else action()

    def text_of_chief(self, action: Callable[[], str]) -> str:
        """Return on every worker the text that `action` returns on the chief."""
        text = self._on_chief(action) or ""
        return text_of_chief(self._strategy, text) if self.has_others else text

    def stopped(self, stop: StopSignals) -> bool:
        """Return whether a stop signal came to any worker; it then counts for all of them."""
        interrupted, terminated = self.any(
            stop.signal == signal.SIGINT, stop.signal not in (None, signal.SIGINT)
        )
        if stop.signal is None and (interrupted or terminated):
            stop.signal = signal.SIGINT if interrupted else signal.SIGTERM
        return stop.signal is not None

    def _on_chief(self, action: Callable[[], R]) -> R | None:
        """Return what `action` returns on the chief, None elsewhere; where it fails, all end."""
        if not self.has_others:
            return action()
        result: R | None = None
        failure: Exception | None = None
        if self.is_chief:
            try:
                result = action()
            except Exception as raised:  # whatever it is, the others must not wait
                failure = raised
        any_failure = of_chief(self._strategy, int(failure is not None))
        if failure is not None:
            raise failure
        if any_failure:
            raise ChiefEnded
        return result
