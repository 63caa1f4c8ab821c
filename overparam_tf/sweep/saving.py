"""The state of a sweep on disk: saved now and then, and restored bit for bit."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from overparam_tf._version import __version__
from overparam_tf.checkpoints import Checkpoints
from overparam_tf.checks import file_path, optional, real_number
from overparam_tf.errors import InputError
from overparam_tf.sweep.engine import Engine
from overparam_tf.sweep.recorder import Recorder
from overparam_tf.sweep.shrinking_engine import ShrinkingEngine
from overparam_tf.sweep.template import undecayed_names
from overparam_tf.sweep.variant import Variant


@dataclass(frozen=True)
class Saving:
    """Where and how often the checkpoints of a sweep are saved.

    Attributes:
        folder: Folder of the checkpoints; None for no checkpoints.
        seconds_between_checkpoints: Least time between two of them.
        checkpoint_share: Largest share of the time that saving may take, above 0 and at most 1; a
            slow disk gets fewer checkpoints.

    Raises:
        InputError: If a value is not as described.
    """

    folder: str | os.PathLike | None
    seconds_between_checkpoints: float
    checkpoint_share: float

    def __post_init__(self) -> None:
        optional("checkpoints", self.folder, file_path)
        seconds = self.seconds_between_checkpoints
        real_number("seconds_between_checkpoints", seconds, least=0)
        real_number("checkpoint_share", self.checkpoint_share, above=0, most=1)

    def pause(self, seconds: float) -> float:
        """Return how long to wait after a checkpoint that took this many seconds."""
        return max(self.seconds_between_checkpoints, seconds * (1 / self.checkpoint_share - 1))


class SavedSweep:
    """The checkpoints of one sweep: the engine's variables and the records so far.

    The number of steps in a call of the engine is no part of the state: it changes no bit.

    Args:
        saving: Folder and frequency of the checkpoints.
        identity: What must be equal for a sweep to be continued; see `identity_of`. A digest of
            the numbers that the engine starts from is added to it.
        engine: The engine, before its first step.
        recorder: The recorder, empty.
        writes: Whether this process saves them; only one of several workers may. Default True.
    """

    def __init__(
        self,
        saving: Saving,
        identity: Mapping[str, Any],
        engine: Engine | ShrinkingEngine,
        recorder: Recorder,
        writes: bool = True,
    ):
        self._engine, self._recorder = engine, recorder
        self._saving, self._writes = saving, writes
        folder = file_path("checkpoints", saving.folder)
        self._checkpoints = Checkpoints(folder, {**identity, "start": digest_of(self._state())})
        self._wait(saving.seconds_between_checkpoints)

    def restore(self) -> int:
        """Restore the newest checkpoint; return its step, or 0 without a checkpoint.

        Raises:
            InputError: If it is of another sweep.
        """
        saved = self._checkpoints.newest()
        if saved is None:
            return 0
        expected, received = _shapes(self._state()), _shapes(saved.arrays)
        if expected != received:
            raise InputError(
                f"Expected a checkpoint with the arrays {expected}. "
                f"Received: {saved.path} with {received}"
            )
        self._engine.restore(_part("engine", saved.arrays))
        self._recorder.restore(_part("recorder", saved.arrays))
        return saved.step

    def save(self, step: int) -> None:
        """Save the state after `step` steps, if this process writes."""
        if not self._writes:
            return
        began = time.monotonic()
        self._checkpoints.save(step, self._state())
        self._wait(self._saving.pause(time.monotonic() - began))

    def save_if_due(self, step: int) -> None:
        """Save the state if the last checkpoint is old enough."""
        if time.monotonic() >= self._due:
            self.save(step)

    def _wait(self, seconds: float) -> None:
        self._due = time.monotonic() + seconds

    def _state(self) -> dict[str, np.ndarray]:
        parts = {"engine": self._engine.state(), "recorder": self._recorder.state()}
        return {
            f"{part}/{name}": value
            for part, state in parts.items()
            for name, value in state.items()
        }


def identity_of(variants: Sequence[Variant], **settings: Any) -> dict[str, Any]:
    """Return what distinguishes a sweep from others, JSON-ready.

    Entries are in the order in which a difference is best named. The numbers that the factors start
    from are not among them.

    Args:
        variants: The variants.
        **settings: Further settings.
    """
    packages = {package.__name__: package.__version__ for package in (tf, keras, np)}
    return {
        **settings,
        "variants": {variant.name: _identity_of_variant(variant) for variant in variants},
        "versions": {"overparam_tf": __version__, **packages},
    }


def _identity_of_variant(variant: Variant) -> dict[str, Any]:
    start = variant.initial_factors
    whole = len(variant.runs) == len(variant.learning_rates) * len(variant.seeds)
    return {
        **({} if whole else {"runs": variant.runs}),
        "depth": variant.depth,
        "width": None if variant.width is None else np.asarray(variant.width).tolist(),
        "update": variant.update,
        "use_bias": variant.use_bias,
        "use_factor_biases": variant.use_factor_biases,
        "learning_rates": variant.learning_rates,
        "seeds": variant.seeds,
        "initial_factors": start if isinstance(start, str) else type(start).__name__,
        "optimizer": _optimizer_settings(variant),
    }


def _optimizer_settings(variant: Variant) -> dict[str, Any]:
    """Return class and config of the optimizer.

    Without the rate, which each run has for itself, and the name, which Keras numbers.
    """
    config = variant.optimizer.get_config()
    settings = {key: config[key] for key in config if key not in ("name", "learning_rate")}
    undecayed = undecayed_names(variant.optimizer)
    if undecayed is not None:
        settings["exclude_from_weight_decay"] = undecayed
    return {"class": variant.optimizer_name, **settings}


def digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    """Return a SHA-256 in hex over names, types, shapes and bytes of arrays."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _shapes(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in arrays.items()}


def _part(part: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with `part`/, by the rest of their names."""
    return {
        name.removeprefix(f"{part}/"): array
        for name, array in arrays.items()
        if name.startswith(f"{part}/")
    }
