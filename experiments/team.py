"""The processes that run one experiment together under a strategy: the chief writes and draws, the others compute."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TypeVar

import tensorflow as tf

from experiments.continuing import ChiefEnded
from overparam_tf.distributed import is_chief
from overparam_tf.distributed.agreement import any_worker, is_alike, of_chief, text_of_chief
from overparam_tf.errors import InputError
from overparam_tf.runlog import RunFolder
from overparam_tf.stopping import StopSignals

R = TypeVar("R")


class Team:
    """The workers of a strategy; most often one. All must call the methods together, in the same order.

    Where the chief fails in one of them it raises its error, and the others `ChiefEnded`.

    Args:
        strategy: a `tf.distribute.Strategy`.

    Attributes:
        is_chief: whether this process writes and draws.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        self.is_chief = is_chief(strategy)

    def chief_first(self, action: Callable[[], R]) -> R:
        """What `action` returns, on the chief and only then on the others: one downloads, the others find it there."""
        result = self._on_chief(action)
        return result if self.is_chief else action()

    def require_alike(self, what: str, value: str) -> None:
        """Raises an `InputError` on all unless all have the same value."""
        if not is_alike(self._strategy, value):
            raise InputError(f"Expected the same {what} on every worker. Received: others than {value}, the one here")

    def folder(self, make: Callable[[], RunFolder]) -> RunFolder:
        """The run folder that the chief makes; the others know where it is, and do not touch it."""
        folder = self._on_chief(make)
        path = text_of_chief(self._strategy, str(folder.path) if self.is_chief else "")
        return folder if self.is_chief else RunFolder(path)

    def stopped(self, stop: StopSignals) -> bool:
        """Whether a signal came to any of them; then it has come to all."""
        interrupted, terminated = any_worker(
            self._strategy, stop.signal == signal.SIGINT, stop.signal not in (None, signal.SIGINT)
        )
        if stop.signal is None and (interrupted or terminated):
            stop.signal = signal.SIGINT if interrupted else signal.SIGTERM
        return stop.signal is not None

    def _on_chief(self, action: Callable[[], R]) -> R | None:
        """What `action` returns on the chief, None elsewhere; where it fails, all end."""
        result = error = None
        if self.is_chief:
            try:
                result = action()
            except Exception as raised:  # whatever it is, the others must not wait
                error = raised
        failed = of_chief(self._strategy, int(error is not None))
        if error is not None:
            raise error
        if failed:
            raise ChiefEnded
        return result
