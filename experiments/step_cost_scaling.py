"""How the cost of a step of our sweep, and its memory, grow with the sizes of the problem: one size at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.step_cost_contest import status_of
from experiments.step_cost_workers import Worker, WorkerError, peer_command

BASE = {"runs": 10, "rows": 2565, "features": 128, "outputs": 1, "depth": 2, "width": 1, "p": 4, "compressed": False}
RATE = 1e-4
BURSTS = 3


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
    Axis("rows, p = 2, compressed", "rows", (1000, 10_000, 100_000), (("p", 2), ("compressed", True))),
    Axis("features", "features", (16, 64, 256, 1024)),
    Axis("outputs", "outputs", (1, 2, 8, 32)),
    Axis("depth", "depth", (1, 2, 4, 8, 16)),
    Axis("width", "width", (1, 4, 16, 64, 256)),
)
COMPRESSED = AXES[2].name
QUICK_AXES = (Axis(COMPRESSED, "rows", (1000, 10_000), AXES[2].task),)


def measure(axes: Sequence[Axis], seconds: float, timeout: float) -> Iterator[dict[str, Any]]:
    """A row a cell, each in a worker of its own, since a process gives little memory back.

    Args:
        axes: what to vary.
        seconds: length of a burst; the cost is the median of three.
        timeout: seconds that a worker may take to start, to prepare, and for a burst; then the cell has failed.

    Yields:
        The axis, the sizes, `status`, `ms` per step of all runs, `peak_bytes`, and `growth_bytes`: the peak over
        what the imports alone take.
    """
    for axis in axes:
        # Imports take seconds and disturb nobody yet: as many at a time as there are cores.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            workers = list(pool.map(lambda _: _start(timeout), axis.values))
        try:
            for value, worker in zip(axis.values, workers, strict=True):
                sizes = {**BASE, **dict(axis.task), axis.size: value}
                row = {"axis": axis.name, "size": value, **sizes}
                try:
                    if isinstance(worker, WorkerError):
                        raise worker
                    yield {**row, "status": "measured", **_cost(worker, sizes, seconds)}
                    worker.close()
                except WorkerError as error:
                    yield {**row, "status": status_of(str(error))}
        finally:
            for worker in workers:
                if isinstance(worker, Worker):
                    worker.close()


def _start(timeout: float) -> Worker | WorkerError:
    try:
        return Worker(peer_command("with_sweep"), timeout)
    except WorkerError as error:
        return error


def _cost(worker: Worker, sizes: dict[str, Any], seconds: float) -> dict[str, Any]:
    data = {name: sizes[name] for name in ("rows", "features", "outputs")}
    task = {"data": data, "rate": RATE, **{name: value for name, value in sizes.items() if name not in data}}
    worker.ask("prepare", name="cell", entry="sweep", task=task, steps=2)
    steps, bursts = 1, []
    while not bursts or (bursts[-1]["seconds"] < seconds / 4 and len(bursts) < 12):
        bursts.append(worker.ask("burst", name="cell", steps=steps))
        steps = max(1, int(steps * np.clip(seconds / bursts[-1]["seconds"], 0.1, 10)))
    measured = [worker.ask("burst", name="cell", steps=steps) for _ in range(BURSTS)]
    if not measured[-1]["finite"]:
        raise WorkerError("blew up")
    peak = worker.ask("memory")["peak_bytes"]
    growth = None if peak is None else peak - worker.hello["peak_bytes"]
    ms = float(np.median([1e3 * burst["seconds"] / burst["steps"] for burst in measured]))
    return {"ms": ms, "peak_bytes": peak, "growth_bytes": growth}


def fit_exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The exponent c of cost = a size^c, by least squares in the logarithms over the three largest sizes.

    Small sizes show what a step costs anyway, not how the cost grows. NaN for fewer than two sizes.

    Example:
        >>> round(fit_exponent([1, 10, 100, 1000], [50, 3e2, 3e4, 3e6]), 12)
        2.0
    """
    pairs = sorted((s, c) for s, c in zip(sizes, costs, strict=True) if np.isfinite(c) and c > 0)[-3:]
    if len(pairs) < 2:
        return float("nan")
    return float(np.polyfit(*np.log(np.array(pairs, float).T), 1)[0])
