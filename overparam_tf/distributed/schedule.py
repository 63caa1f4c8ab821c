"""When a training begins and ends, and what happens between its calls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from overparam_tf.checkpoints import Checkpoints
from overparam_tf.checks import (
    instance_of,
    list_of,
    one_of,
    optional,
    positive_int,
    real_number,
    whole_number,
)
from overparam_tf.errors import input_error
from overparam_tf.progress import Progress

STEPS_PER_CALL = 50
BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")


@dataclass(frozen=True)
class Schedule:
    """The checked arguments of `train` that are neither data nor the model's.

    Attributes:
        epochs: Number of the epoch at which the training ends.
        initial_epoch: Number of the epoch at which it begins.
        steps_per_call: The most steps of a call.
        validation_freq: Validate every so many epochs, or after these, counted from 1.
        callbacks: Keras callbacks.
        verbose: What is printed, as by `fit`.
        checkpoints: Where to save, or None.
        checkpoint_seconds: Seconds between two checkpoints.
        progress: Called between calls, or None.
        should_stop: Called between calls; None to never stop early.
    """

    epochs: int
    initial_epoch: int
    steps_per_call: int
    validation_freq: int | Collection[int]
    callbacks: Sequence[keras.callbacks.Callback]
    verbose: int | str
    checkpoints: Checkpoints | None
    checkpoint_seconds: float
    progress: Callable[[Progress], object] | None
    should_stop: Callable[[], object] | None

    def validates(self, epoch: int) -> bool:
        """Return whether to validate after the epoch of this number, counted from 0."""
        if isinstance(self.validation_freq, int):
            return (epoch + 1) % self.validation_freq == 0
        return epoch + 1 in self.validation_freq


def make_schedule(
    model: keras.Model, callbacks: Any, steps_per_call: Any, **arguments: Any
) -> Schedule:
    """Return the schedule of a compiled model's training.

    Args:
        model: The model; its `steps_per_execution` counts unless it is 1.
        callbacks: The callbacks, or None.
        steps_per_call: The most steps of a call; None for 50, or for as many as in `fit` if a
            callback acts on every batch.
        **arguments: The other attributes of `Schedule`.

    Raises:
        InputError: If an argument is not as described.
    """
    callbacks = list_of("callbacks", [] if callbacks is None else callbacks, _callback)
    steps = optional("steps_per_call", steps_per_call, positive_int)
    if steps is None:
        per_execution = model.steps_per_execution
        is_default = per_execution == 1 and not any(map(_acts_on_batches, callbacks))
        steps = STEPS_PER_CALL if is_default else per_execution
    checks: dict[str, Callable[[str, Any], Any]] = {
        "epochs": positive_int,
        "initial_epoch": whole_number,
        "validation_freq": _frequency,
        "verbose": lambda name, value: one_of(name, value, ("auto", 0, 1, 2)),
        "checkpoints": lambda name, value: optional(name, value, _checkpoints),
        "checkpoint_seconds": lambda name, value: real_number(name, value, least=0),
    }
    checked = {name: check(name, arguments.pop(name)) for name, check in checks.items()}
    return Schedule(callbacks=callbacks, steps_per_call=steps, **checked, **arguments)


def _acts_on_batches(callback: keras.callbacks.Callback) -> bool:
    """Return whether a callback has a method for batches, other than those of Keras's own."""
    is_kerass = type(callback).__module__.startswith("keras.")
    if is_kerass and not isinstance(callback, keras.callbacks.LambdaCallback):
        return False
    return any(
        getattr(getattr(callback, hook), "__func__", None)
        is not getattr(keras.callbacks.Callback, hook)
        for hook in BATCH_HOOKS
    )


def _frequency(name: str, value: Any) -> int | list[int]:
    if isinstance(value, (list, tuple, set)):
        return list_of(name, list(value), positive_int)
    try:
        return positive_int(name, value)
    except ValueError:
        raise input_error(
            f"a positive integer, or a list of them, for {name}", **{name: value}
        ) from None


def _callback(name: str, value: object) -> keras.callbacks.Callback:
    expected = "a Keras callback for each of"
    return instance_of(name, value, keras.callbacks.Callback, expected)


def _checkpoints(name: str, value: object) -> Checkpoints:
    return instance_of(name, value, Checkpoints, "an overparam_tf.Checkpoints or None")
