"""The finished runs of a comparison and the state of the one in training, in a folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from overparam_tf.checkpoints import Checkpoints
from overparam_tf.comparison.runs import Curve, Run, run_of

ROWS, CELLS, PARTIAL = "rows", "cells", "partial"
LOSSES, PENALTIES = "losses", "penalties"
STATE = "state/"


@dataclass(frozen=True, eq=False)
class Partial:
    """A run that was interrupted.

    Attributes:
        run: The run.
        curve: Its curve so far.
        state: What `Trainee.state` returned.
    """

    run: Run
    curve: Curve
    state: Mapping[str, np.ndarray]


class Store:
    """The rows and curves of the finished runs, and at most one run in training.

    Args:
        folder: Where checkpoints go; None keeps all in memory alone.
        identity: What must be equal for a comparison to be continued, JSON-ready.
        points: Number of points of a curve.
        seconds: Least seconds between two checkpoints.

    Attributes:
        rows: The rows of the finished runs, by run.
        curves: Their curves, by run.
        cells: What is known of each optimizer's model at each depth, by `"optimizer, depth N"`:
            parameters and bytes.
        partial: The run that an earlier process did not finish; None if there is none.

    Raises:
        InputError: If the folder holds another comparison; the line names the first difference.
    """

    def __init__(
        self,
        folder: str | os.PathLike | None,
        identity: Mapping[str, Any],
        points: int,
        seconds: float,
    ):
        self.rows: dict[Run, dict[str, Any]] = {}
        self.curves: dict[Run, Curve] = {}
        self.cells: dict[str, dict[str, Any]] = {}
        self.partial: Partial | None = None
        self._points, self._pause, self._saves = points, seconds, 0
        self._saved_at = time.monotonic()
        self._checkpoints = None
        if folder is not None:
            self._checkpoints = Checkpoints(Path(folder) / "comparison", identity)
            newest = self._checkpoints.newest()
            if newest is not None:
                self._saves = newest.step
                self._read(newest.arrays)

    def add(self, run: Run, row: dict[str, Any], curve: Curve) -> None:
        """Keep a finished run."""
        self.rows[run], self.curves[run] = row, curve
        self.partial = None

    def add_earlier(self, run: Run, row: dict[str, Any], curve: Curve) -> None:
        """Keep a run that another comparison trained."""
        self.rows[run], self.curves[run] = row, curve

    @property
    def is_due(self) -> bool:
        """Return whether the last checkpoint is old enough for another."""
        is_old = time.monotonic() - self._saved_at >= self._pause
        return self._checkpoints is not None and is_old

    def save(self, partial: Partial | None = None) -> None:
        """Write a checkpoint.

        Args:
            partial: The run in training; default None, none is.
        """
        if self._checkpoints is None:
            return
        self._saves += 1
        self._checkpoints.save(self._saves, self._arrays(partial))
        self._saved_at = time.monotonic()

    def _arrays(self, partial: Partial | None) -> dict[str, np.ndarray]:
        padded = np.full((2, len(self.rows), self._points), np.nan, np.float32)
        for number, run in enumerate(self.rows):
            curve = self.curves[run]
            padded[0, number, : len(curve.losses)] = curve.losses
            padded[1, number, : len(curve.penalties)] = curve.penalties
        seconds = [self.curves[run].seconds for run in self.rows]
        lengths = [len(self.curves[run].losses) for run in self.rows]
        arrays = {
            ROWS: _as_bytes(list(self.rows.values())),
            CELLS: _as_bytes(self.cells),
            LOSSES: padded[0],
            PENALTIES: padded[1],
            "seconds": np.asarray(seconds, float),
            "lengths": np.asarray(lengths, int),
        }
        if partial is not None:
            about = {"run": asdict(partial.run), "seconds": partial.curve.seconds}
            arrays |= {
                PARTIAL: _as_bytes(about),
                f"{PARTIAL} {LOSSES}": partial.curve.losses,
                f"{PARTIAL} {PENALTIES}": partial.curve.penalties,
            }
            arrays |= {STATE + name: array for name, array in partial.state.items()}
        return arrays

    def _read(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.cells = _from_bytes(arrays[CELLS])
        for number, row in enumerate(_from_bytes(arrays[ROWS])):
            run = run_of(row)
            length = arrays["lengths"][number]
            self.rows[run] = row
            self.curves[run] = Curve(
                arrays[LOSSES][number, :length],
                arrays[PENALTIES][number, :length],
                float(arrays["seconds"][number]),
            )
        if PARTIAL in arrays:
            about = _from_bytes(arrays[PARTIAL])
            names = [name for name in arrays if name.startswith(STATE)]
            self.partial = Partial(
                Run(**about["run"]),
                Curve(
                    arrays[f"{PARTIAL} {LOSSES}"],
                    arrays[f"{PARTIAL} {PENALTIES}"],
                    about["seconds"],
                ),
                {name.removeprefix(STATE): arrays[name] for name in names},
            )


def _as_bytes(content: Any) -> np.ndarray:
    return np.frombuffer(json.dumps(content).encode(), np.uint8)


def _from_bytes(array: np.ndarray) -> Any:
    return json.loads(array.tobytes())
