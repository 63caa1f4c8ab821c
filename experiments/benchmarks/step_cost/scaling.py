"""How the cost of a step of our sweep, and its memory, grow with the sizes of the problem: one size at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.benchmarks.step_cost.contest import PAUSE, status_of
from experiments.benchmarks.step_cost.workers import Worker, WorkerError, peer_command

BASE = {
    "runs": 10,
    "rows": 2565,
    "features": 128,
    "outputs": 1,
    "depth": 2,
    "width": 1,
    "p": 4,
    "compressed": False,
}
RATE = 1e-4
BURSTS = 5


@dataclass(frozen=True)
class Axis:
    """A size to vary and its values; `task` is what else differs from `BASE`."""

    name: str
    size: str
    values: tuple[int, ...]
    task: tuple[tuple[str, Any], ...] = ()


AXES = (
    Axis("runs", "runs", (1, 10, 100, 1000)),
    Axis("rows", "rows", (1000, 10_000, 100_000, 1_000_000)),
    Axis(
        "rows, p = 2, compressed", "rows", (1000, 10_000, 100_000), (("p", 2), ("compressed", True))
    ),
    Axis("features", "features", (16, 64, 256, 1024)),
    Axis("outputs", "outputs", (1, 2, 8, 32)),
    Axis("depth", "depth", (1, 2, 4, 8, 16)),
    Axis("width", "width", (1, 4, 16, 64, 256)),
)
COMPRESSED = AXES[2].name
QUICK_AXES = (Axis(COMPRESSED, "rows", (1000, 10_000), AXES[2].task),)


def measure(axis: Axis, seconds: float, timeout: float) -> list[dict[str, Any]]:
    """A row a cell, each in a worker of its own, since a process gives little memory back.

    The cells take turns: a machine is now slower, now faster by a fifth, and all of them have to see that.

    Args:
        axis: what to vary.
        seconds: length of a burst; the cost is the median of five.
        timeout: seconds that a worker may take to start, to prepare, and for a burst; then the cell has failed.

    Returns:
        The axis, the sizes, `status`, `ms` per step of all runs, `peak_bytes`, and `growth_bytes`: the peak over
        what the imports alone take.
    """
    cells = [_Cell({**BASE, **dict(axis.task), axis.size: value}) for value in axis.values]
    try:
        # Imports take seconds and disturb nobody yet: as many at a time as there are cores.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda cell: cell.attempt(cell.start, timeout), cells))
        for cell in cells:
            cell.attempt(cell.prepare, seconds)
        for cell in cells * BURSTS:
            cell.attempt(cell.burst)
        for cell in cells:
            cell.attempt(cell.finish)
    finally:
        for cell in cells:
            cell.close()
    return [
        {"axis": axis.name, "size": value, **cell.sizes, "status": cell.status, **cell.cost}
        for value, cell in zip(axis.values, cells, strict=True)
    ]


class _Cell:
    """Our sweep at one size, in a worker of its own.

    Attributes:
        sizes: those of the problem.
        status: `"measured"`, or why it is not.
        cost: what `measure` says of it, once it is finished.
    """

    def __init__(self, sizes: dict[str, Any]):
        self.sizes, self.status, self.cost = sizes, "measured", {}
        self._worker: Worker | None = None
        self._steps, self._bursts = 1, []

    def attempt(self, act: Callable[..., None], *arguments: Any) -> None:
        """Do the next thing, unless one before has failed."""
        if self.status == "measured":
            try:
                act(*arguments)
            except WorkerError as error:
                self.status = status_of(str(error))

    def start(self, timeout: float) -> None:
        """Start the worker."""
        self._worker = Worker(peer_command("with_sweep"), timeout)

    def prepare(self, seconds: float) -> None:
        """Make the data, compile, and find out how many steps take so many seconds."""
        data = {name: self.sizes[name] for name in ("rows", "features", "outputs")}
        task = {
            "data": data,
            "rate": RATE,
            **{name: value for name, value in self.sizes.items() if name not in data},
        }
        self._worker.ask("prepare", name="cell", entry="sweep", task=task, steps=2)
        self._steps = self._worker.steps_of_burst("cell", seconds)

    def burst(self) -> None:
        """Measure once, when the threads of the worker before have come to rest."""
        time.sleep(PAUSE)
        self._bursts.append(self._worker.ask("burst", name="cell", steps=self._steps))

    def finish(self) -> None:
        """Tell what it cost."""
        if not self._bursts[-1]["finite"]:
            raise WorkerError("blew up")
        peak = self._worker.ask("memory")["peak_bytes"]
        growth = None if peak is None else peak - self._worker.hello["peak_bytes"]
        ms = float(np.median([1e3 * burst["seconds"] / burst["steps"] for burst in self._bursts]))
        self.cost = {"ms": ms, "peak_bytes": peak, "growth_bytes": growth}

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()


def fit_exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The exponent c of cost = a size^c, by least squares in the logarithms over the three largest sizes.

    Small sizes show what a step costs anyway, not how the cost grows. NaN for fewer than two sizes.

    Example:
        >>> round(fit_exponent([1, 10, 100, 1000], [50, 3e2, 3e4, 3e6]), 12)
        2.0
    """
    pairs = sorted((s, c) for s, c in zip(sizes, costs, strict=True) if np.isfinite(c) and c > 0)[
        -3:
    ]
    if len(pairs) < 2:
        return float("nan")
    return float(np.polyfit(*np.log(np.array(pairs, float).T), 1)[0])
