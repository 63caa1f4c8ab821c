"""On which devices a sweep runs, and what the workers of a cluster must do alike."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from overparam_tf.datasets import Problem
from overparam_tf.distributed.agreement import is_alike
from overparam_tf.distributed.failures import workers_watched
from overparam_tf.distributed.loop import sum_over_workers
from overparam_tf.distributed.requirements import device_of_rows
from overparam_tf.distributed.strategies import is_chief, worker_count
from overparam_tf.errors import InputError
from overparam_tf.sweep.distributed_engine import DistributedEngine
from overparam_tf.sweep.engine import Engine
from overparam_tf.sweep.saving import digest_of


class Workers:
    """The processes that run one sweep together; most often there is one.

    Args:
        strategy: a `tf.distribute.Strategy`, or None: one process on TensorFlow's default device.
        problem: the data.

    Attributes:
        has_others: whether there are several.
        is_chief: whether this one writes the checkpoints.

    Raises:
        InputError: if the strategy is none, is entered already, or has more replicas than there are rows.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None, problem: Problem):
        if strategy is not None:
            _check(strategy, problem)
        self._strategy = strategy
        self.has_others = strategy is not None and worker_count(strategy) > 1
        self.is_chief = not self.has_others or is_chief(strategy)

    @contextlib.contextmanager
    def together(self):
        """A block in which they compute: a lost worker is a `WorkerLostError`, a single device the strategy's."""
        if self._strategy is None:
            yield
        elif self._strategy.num_replicas_in_sync == 1:
            with tf.device(device_of_rows(self._strategy)):
                yield
        else:
            with workers_watched(self._strategy):
                yield

    def make_engine(self, *arguments) -> Engine:
        """The engine for these devices; arguments are those of `Engine`."""
        if self._strategy is None or self._strategy.num_replicas_in_sync == 1:
            return Engine(*arguments)
        return DistributedEngine(*arguments, self._strategy)

    def agree(self, stop: bool, size: int) -> tuple[bool, int]:
        """Whether any of them is to stop, and how many steps the chief takes next: each by its own clock would hang."""
        if not self.has_others:
            return stop, size
        stops, size = sum_over_workers(
            self._strategy, tf.constant((stop, self.is_chief * size), tf.int32)
        ).numpy()
        return bool(stops), int(size)

    def require_alike(self, facts: Mapping[str, Any], engine: Engine) -> None:
        """Raises an `InputError` on every worker unless all have the same facts, see `facts_of`, and the same start."""
        if self.has_others and not is_alike(
            self._strategy, json.dumps(facts) + digest_of(engine.state())
        ):
            data = facts["data"]
            raise InputError(
                "Expected the same sweep (data, variants, steps, versions) on every worker. Received: another one "
                f"on some; compare their lines: here data {data['name']}, sha256 {data['sha256'][:12]}"
            )

    def require_same_step(self, step: int) -> None:
        """Raises an `InputError` on every worker unless all continue from the same step."""
        if self.has_others and not is_alike(self._strategy, str(step)):
            raise InputError(
                "Expected the same newest checkpoint on every worker, from one folder that all share. "
                f"Received: others than that of step {step}, which is the one here"
            )


def _check(strategy: tf.distribute.Strategy, problem: Problem) -> None:
    if not isinstance(strategy, tf.distribute.Strategy):
        raise InputError(
            "Expected a tf.distribute.Strategy, as overparam_tf.get_strategy makes one, or None. "
            f"Received: strategy={strategy!r}"
        )
    if tf.distribute.has_strategy():
        raise InputError(
            "Expected a sweep outside of every strategy.scope(), with strategy=... instead. "
            f"Received: a call within that of a {type(tf.distribute.get_strategy()).__name__}"
        )
    if strategy.num_replicas_in_sync > problem.rows:
        raise InputError(
            f"Expected at least one row for each replica; take fewer devices. "
            f"Received: {problem.rows} rows, {strategy.num_replicas_in_sync} replicas"
        )
