"""The processes that train together under a strategy, and how they decide together."""

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
from overparam_tf.distributed.strategies import check_strategy, is_chief, worker_count
from overparam_tf.errors import InputError
from overparam_tf.stopping import StopSignals

R = TypeVar("R")


class ChiefEnded(Exception):
    """The first of several workers failed or has nothing to train, so that the others end too."""

    def __init__(self) -> None:
        super().__init__("The first worker ended before the training; it says why.")


class Workers:
    """The processes of a strategy; most often there is one.

    All of them must call the methods together, in the same order. If an action fails on the chief,
    the chief raises the error of the action, and the others raise `ChiefEnded`.

    Args:
        strategy: A `tf.distribute.Strategy`, or None: one process on TensorFlow's default device.

    Raises:
        InputError: If `strategy` is neither.

    Attributes:
        has_others: Whether there are several processes.
        is_chief: Whether this process writes files and draws.

    Example:
        >>> workers = Workers(None)
        >>> workers.has_others, workers.is_chief, workers.text_of_chief(lambda: "logs/run")
        (False, True, 'logs/run')
    """

    def __init__(self, strategy: tf.distribute.Strategy | None):
        self._strategy = None if strategy is None else check_strategy(strategy)
        self.has_others = strategy is not None and worker_count(strategy) > 1
        self.is_chief = not self.has_others or is_chief(strategy)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Open a block in which all processes compute together.

        In it the loss of a worker raises a `WorkerLostError`, and TensorFlow's default device is
        that of a strategy with a single device.
        """
        if self._strategy is None:
            yield
        elif self._strategy.num_replicas_in_sync == 1:
            with tf.device(device_of_rows(self._strategy)):
                yield
        else:
            with workers_watched(self._strategy):
                yield

    def any_vote(self, *votes: bool) -> tuple[bool, ...]:
        """Return, for each vote, whether any worker votes yes."""
        return any_worker(self._strategy, *votes) if self.has_others else votes

    def agree(self, stop: bool, size: int) -> tuple[bool, int]:
        """Return whether any worker is to stop, and how many steps the chief takes next.

        A worker that decided by its own clock would leave the others waiting.
        """
        if not self.has_others:
            return stop, size
        ballot = tf.constant((stop, self.is_chief * size), tf.int32)
        stops, size_of_chief = sum_over_workers(self._strategy, ballot).numpy()
        return bool(stops), int(size_of_chief)

    def require_alike(self, what: str, value: str, description: str | None = None) -> None:
        """Check that all workers have the same value.

        Args:
            what: Name of the value, for the message.
            value: The value of this worker.
            description: The value in the words of the message; default None, the value itself.

        Raises:
            InputError: On every worker, if they have not.
        """
        if self.has_others and not is_alike(self._strategy, value):
            raise InputError(
                f"Expected the same {what} on every worker. "
                f"Received: others than {description or value}, the one here"
            )

    def chief_first(self, action: Callable[[], R]) -> R:
        """Return what `action` returns: called on the chief first, and then on the others.

        With a download as the action, one worker downloads, and the others find the file.
        """
        if self.is_chief:
            return self._on_chief(action)
        self._require_chief()
        return action()

    def text_of_chief(self, action: Callable[[], str]) -> str:
        """Return on every worker the text that `action` returns on the chief."""
        text = ""
        if self.is_chief:
            text = self._on_chief(action)
        else:
            self._require_chief()
        return text_of_chief(self._strategy, text) if self.has_others else text

    def stopped(self, stop: StopSignals) -> bool:
        """Return whether a stop signal came to any worker; it then counts for all of them."""
        interrupted, terminated = self.any_vote(
            stop.signal == signal.SIGINT, stop.signal not in (None, signal.SIGINT)
        )
        if stop.signal is None and (interrupted or terminated):
            stop.signal = signal.SIGINT if interrupted else signal.SIGTERM
        return stop.signal is not None

    def _on_chief(self, action: Callable[[], R]) -> R:
        """Return what `action` returns on the chief, after the others have learnt if it failed."""
        try:
            result = action()
        except Exception:
            self._announce(failed=True)  # whatever the error is, the others must not wait
            raise
        self._announce(failed=False)
        return result

    def _require_chief(self) -> None:
        """Raise `ChiefEnded` if the action of the chief, which calls `_on_chief`, fails."""
        if of_chief(self._strategy, 0):
            raise ChiefEnded

    def _announce(self, failed: bool) -> None:
        if self.has_others:
            of_chief(self._strategy, int(failed))
