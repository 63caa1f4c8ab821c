"""How time and memory of a step of our sweep grow with one size of the problem at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from experiments.benchmarks.step_cost.status import BLEW_UP, MEASURED, Status
from experiments.benchmarks.step_cost.worker_process import Launcher, Worker, WorkerError

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
# The sizes of `BASE` that the data have; all others are the task's.
DATA_SIZES = ("rows", "features", "outputs")
RATE = 1e-4
BURSTS = 5

AxisName = Literal["runs", "rows", "compressed_rows", "features", "outputs", "depth", "width"]


@dataclass(frozen=True)
class Axis:
    """A size to vary.

    Attributes:
        name: Its name in tables and figures.
        size: The key of `BASE` that varies.
        values: Its values, increasing.
        task: What else differs from `BASE`.
    """

    name: str
    size: str
    values: tuple[int, ...]
    task: dict[str, Any] = field(default_factory=dict)


AXES: dict[AxisName, Axis] = {
    "runs": Axis("runs", "runs", (1, 10, 100, 1000)),
    "rows": Axis("rows", "rows", (1000, 10_000, 100_000, 1_000_000)),
    "compressed_rows": Axis(
        "rows, p = 2, compressed", "rows", (1000, 10_000, 100_000), {"p": 2, "compressed": True}
    ),
    "features": Axis("features", "features", (16, 64, 256, 1024)),
    "outputs": Axis("outputs", "outputs", (1, 2, 8, 32)),
    "depth": Axis("depth", "depth", (1, 2, 4, 8, 16)),
    "width": Axis("width", "width", (1, 4, 16, 64, 256)),
}
COMPRESSED = AXES["compressed_rows"].name


def measure(
    axis: Axis, seconds: float, launcher: Launcher, count: int | None = None
) -> list[dict[str, Any]]:
    """Return a row for each value of an axis.

    Each value has a separate worker, since a process returns little of its memory. The workers take
    turns: the speed of a machine varies by a fifth, and all of them must meet that alike.

    Args:
        axis: The size to vary.
        seconds: Length of a burst; the time is the median of five.
        launcher: How workers are started. A worker that takes longer than its timeout to start, to
            prepare or for a burst has failed.
        count: Number of values, the smallest first; default None, all.

    Returns:
        Rows of the axis, the sizes, `status`, `ms` a step of all runs together, `peak_bytes`, and
        `growth_bytes`: the peak over what the imports alone take.
    """
    values = axis.values[:count]
    points = [_Point({**BASE, **axis.task, axis.size: value}) for value in values]
    try:
        # Imports take seconds and disturb no measurement yet: as many at a time as there are cores.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda point: point.attempt(point.start, launcher), points))
        for point in points:
            point.attempt(point.prepare, seconds)
        for _ in range(BURSTS):
            for point in points:
                point.attempt(point.burst, launcher)
        for point in points:
            point.attempt(point.finish)
    finally:
        for point in points:
            point.close()
    rows = []
    for value, point in zip(values, points, strict=True):
        place = {"axis": axis.name, "size": value, **point.sizes}
        rows.append({**place, "status": str(point.status), **point.cost})
    return rows


class _Point:
    """Our sweep at one size, in a separate worker.

    Attributes:
        sizes: The problem's sizes, keys as in `BASE`.
        status: Whether it can be measured, and otherwise why not.
        cost: Time and memory, once it is finished.
    """

    def __init__(self, sizes: dict[str, Any]):
        self.sizes = sizes
        self.status = MEASURED
        self.cost: dict[str, Any] = {}
        self._worker: Worker | None = None
        self._steps = 1
        self._bursts: list[dict[str, Any]] = []

    def attempt(self, act: Callable[..., None], *arguments: Any) -> None:
        """Do the next thing, unless one before has failed."""
        if self.status == MEASURED:
            try:
                act(*arguments)
            except WorkerError as error:
                self.status = Status.from_error(error)

    def start(self, launcher: Launcher) -> None:
        """Start the worker."""
        self._worker = launcher.start("with_sweep")

    def prepare(self, seconds: float) -> None:
        """Make the data, compile, and find how many steps fill a burst.

        Args:
            seconds: Length of a burst.
        """
        data = {name: self.sizes[name] for name in DATA_SIZES}
        settings = {name: value for name, value in self.sizes.items() if name not in data}
        task = {"data": data, "rate": RATE, **settings}
        self._worker.ask("prepare", name="point", entry="sweep", task=task, steps=2)
        self._steps = self._worker.steps_of_burst("point", seconds)

    def burst(self, launcher: Launcher) -> None:
        """Measure one burst, when the threads of the worker before have stopped spinning."""
        launcher.rest()
        self._bursts.append(self._worker.ask("burst", name="point", steps=self._steps))

    def finish(self) -> None:
        """Sum up time and memory."""
        *_, last = self._bursts
        if not last["finite"]:
            self.status = BLEW_UP
            return
        peak = self._worker.ask("memory")["peak_bytes"]
        growth = None if peak is None else peak - self._worker.hello["peak_bytes"]
        ms = [1e3 * burst["seconds"] / burst["steps"] for burst in self._bursts]
        self.cost = {"ms": float(np.median(ms)), "peak_bytes": peak, "growth_bytes": growth}

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()


def fit_exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the exponent c of cost = a size^c, by least squares in the logarithms.

    Only the three largest sizes count: small ones show the fixed cost of a step, not its growth.

    Args:
        sizes: The sizes.
        costs: The cost of each; those that are not finite or not positive are left out.

    Returns:
        The exponent; NaN for fewer than two sizes.

    Example:
        >>> round(fit_exponent([1, 10, 100, 1000], [50, 3e2, 3e4, 3e6]), 12)
        2.0
    """
    pairs = zip(sizes, costs, strict=True)
    known = sorted((size, cost) for size, cost in pairs if np.isfinite(cost) and cost > 0)
    largest = known[-3:]
    if len(largest) < 2:
        return float("nan")
    log_sizes, log_costs = np.log(np.array(largest, float)).T
    exponent, _ = np.polyfit(log_sizes, log_costs, 1)
    return float(exponent)
