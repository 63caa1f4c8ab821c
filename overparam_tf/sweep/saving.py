"""The state of a sweep on disk: saved now and then, and taken up again bit for bit."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from overparam_tf._version import __version__
from overparam_tf.checkpoints.checkpoints import Checkpoints
from overparam_tf.errors import InputError
from overparam_tf.sweep.engine import Engine
from overparam_tf.sweep.recorder import Recorder
from overparam_tf.sweep.variant import Variant

# A slow disk gets fewer checkpoints, so that they cost at most a fiftieth of the time.
LARGEST_SHARE = 0.02


class SavedSweep:
    """The checkpoints of one sweep: the engine's variables and what was recorded so far, under the sweep's facts.

    How many steps a call of the engine takes is no part of the state: it makes no difference to a bit.

    Args:
        folder: where the checkpoints go.
        facts: what must be equal for a sweep to be continued, see `facts_of`.
        engine: the engine, at its start; its start is one of the facts.
        recorder: the recorder, empty.
        seconds: at least so many between two checkpoints.
        writes: whether this process saves them; of several workers only one may.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        facts: Mapping[str, Any],
        engine: Engine,
        recorder: Recorder,
        seconds: float,
        writes: bool = True,
    ):
        self._engine, self._recorder = engine, recorder
        self._checkpoints = Checkpoints(folder, {**facts, "start": digest_of(self._state())})
        self._seconds, self._writes = seconds, writes
        self._wait_until(seconds)

    def restore(self) -> int:
        """Takes up the newest checkpoint, and returns the step it was made at; 0 where there is none.

        Raises:
            InputError: if it is of another sweep.
        """
        saved = self._checkpoints.newest()
        if saved is None:
            return 0
        shapes, found = (
            {name: a.shape for name, a in arrays.items()}
            for arrays in (self._state(), saved.arrays)
        )
        if shapes != found:
            raise InputError(
                f"Expected a checkpoint with the arrays {shapes}. Received: {saved.path} with {found}"
            )
        self._engine.restore(_under("engine", saved.arrays))
        self._recorder.restore(_under("recorder", saved.arrays))
        return saved.step

    def save(self, step: int) -> None:
        """Saves the state after `step` steps, where this process writes."""
        if not self._writes:
            return
        began = time.monotonic()
        self._checkpoints.save(step, self._state())
        self._wait_until(max(self._seconds, (time.monotonic() - began) / LARGEST_SHARE))

    def save_if_due(self, step: int) -> None:
        """Saves the state if the last time is long enough ago."""
        if time.monotonic() >= self._due:
            self.save(step)

    def _wait_until(self, seconds: float) -> None:
        self._due = time.monotonic() + seconds

    def _state(self) -> dict[str, np.ndarray]:
        parts = {"engine": self._engine.state(), "recorder": self._recorder.state()}
        return {
            f"{part}/{name}": value
            for part, state in parts.items()
            for name, value in state.items()
        }


def facts_of(variants: tuple[Variant, ...], **more: Any) -> dict[str, Any]:
    """What makes a sweep this one and no other, JSON-ready and in the order in which a difference is best named.

    Args:
        variants: the variants; the numbers that their factors start from are left to `SavedSweep`, which sees them.
        **more: other facts.
    """
    described = {
        variant.name: {
            "depth": variant.depth,
            "width": None if variant.width is None else np.asarray(variant.width).tolist(),
            "update": variant.update,
            "use_bias": variant.use_bias,
            "use_factor_biases": variant.use_factor_biases,
            "learning_rates": variant.learning_rates,
            "seeds": variant.seeds,
            "initial_factors": _kind(variant.initial_factors),
            "optimizer": _settings(variant),
        }
        for variant in variants
    }
    packages = {package.__name__: package.__version__ for package in (tf, keras, np)}
    return {**more, "variants": described, "versions": {"overparam_tf": __version__, **packages}}


def _settings(variant: Variant) -> dict[str, Any]:
    """The optimizer's, but for the rate, which each run has for itself, and the name, which Keras numbers."""
    config = variant.optimizer.get_config()
    return {
        "class": variant.optimizer_name,
        **{key: config[key] for key in config if key not in ("name", "learning_rate")},
    }


def _kind(start: Any) -> str:
    return start if isinstance(start, str) else type(start).__name__


def digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 (hex) over names, shapes and bytes."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _under(part: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(f"{part}/"): array
        for name, array in arrays.items()
        if name.startswith(f"{part}/")
    }
