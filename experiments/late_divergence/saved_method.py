"""The checkpoints of one method while it trains: factors, optimizer, records and rates."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.late_divergence.step_recorder import StepRecorder
from overparam_tf.checkpoints import Checkpoints
from overparam_tf.runlog import RunFolder, run_name
from overparam_tf.runlog.resume import settings
from overparam_tf.sweep import RecordedRun

SECONDS_BETWEEN_CHECKPOINTS = 30.0


class SavedMethod:
    """The state of a method on disk, saved now and then, and restored bit for bit.

    Args:
        folder: The run folder.
        record: Its config.json, which says of which run the state is.
        name: The method's name.
    """

    def __init__(self, folder: RunFolder, record: Mapping[str, Any], name: str):
        identity = {"method": name, **settings(dict(record))}
        self._checkpoints = Checkpoints(folder.checkpoints / run_name(name), identity)
        self._saved_at = time.monotonic()

    def restore(
        self, descent: RecordedRun, recorder: StepRecorder, rates: dict[int, float]
    ) -> None:
        """Set a new run, its recorder and its rates to the newest checkpoint, if there is one."""
        newest = self._checkpoints.newest()
        if newest is None:
            return
        descent.restore(_part("descent", newest.arrays))
        recorder.restore(_part("recorder", newest.arrays))
        steps, values = newest.arrays["rates/steps"], newest.arrays["rates/values"]
        rates.update(zip(steps.tolist(), values.tolist(), strict=True))

    def save(
        self,
        descent: RecordedRun,
        recorder: StepRecorder,
        rates: Mapping[int, float],
        now: bool = False,
    ) -> None:
        """Save the state if the last checkpoint is old enough, or `now`."""
        if not now and time.monotonic() - self._saved_at < SECONDS_BETWEEN_CHECKPOINTS:
            return
        arrays = {f"descent/{name}": array for name, array in descent.state().items()}
        arrays |= {f"recorder/{name}": array for name, array in recorder.state().items()}
        arrays |= {
            "rates/steps": np.array(list(rates), np.int64),
            "rates/values": np.array(list(rates.values()), np.float64),
        }
        self._checkpoints.save(recorder.next_step, arrays)
        self._saved_at = time.monotonic()

    def clear(self) -> None:
        """Remove the checkpoints of a method that is done."""
        self._checkpoints.clear()


def _part(part: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with `part`/, by the rest of their names."""
    return {
        name.removeprefix(f"{part}/"): array
        for name, array in arrays.items()
        if name.startswith(f"{part}/")
    }
