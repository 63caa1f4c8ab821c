"""The contest: every way to take a step, side by side, in short bursts in turn so that drift hits all alike."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmarks.step_cost.contestants import COMPARED_STEPS, Cell
from experiments.benchmarks.step_cost.workers import Worker, WorkerError, peer_command
from overparam_tf.datasets import Problem

# Thread pools spin for a while after their last work, BLAS's for about 30 ms. A burst of another worker waits so long.
PAUSE = 0.05


class Contest:
    """Runs the cells, each in its worker, all workers alive at once and all but one idle.

    Args:
        cells: what to measure; their `status`, `facts` and `steps` are filled in.
        problem: the data.
        seconds: length of a burst.
        timeout: seconds that a worker may take to answer.

    Attributes:
        workers: per worker, its versions, the seconds it took to come up, and its memory.
        rounds: a row a burst.
    """

    def __init__(self, cells: Sequence[Cell], problem: Problem, seconds: float, timeout: float):
        self.cells, self._problem, self._seconds, self._timeout = cells, problem, seconds, timeout
        self._alive: dict[str, Worker] = {}
        self._latest: Worker | None = None
        self.workers: dict[str, dict[str, Any]] = {}
        self.rounds: list[dict[str, Any]] = []

    def run(self, rounds: int) -> Iterator[str]:
        """Starts, prepares, measures; yields a word on each piece of work before it is done."""
        with tempfile.TemporaryDirectory() as folder:
            data = str(write_data(Path(folder, "data.npz"), self._problem))
            try:
                for name in dict.fromkeys(cell.contestant.worker for cell in self.cells):
                    yield f"starting {name}"
                    self._start(name)
                for cell in self.cells:
                    yield f"preparing {cell.name}"
                    self._prepare(cell, data)
                for number in range(rounds):
                    for cell in self.cells:
                        yield f"round {number + 1}, {cell.name}"
                        self._measure(cell, number)
                for name, worker in self._alive.items():
                    self.workers[name] |= self._ask(None, worker, "memory")
            finally:
                for worker in self._alive.values():
                    worker.close()

    def _start(self, name: str) -> None:
        try:
            worker = Worker(peer_command(name), self._timeout)
        except WorkerError as error:
            self.workers[name] = {"error": str(error)}
            for cell in self._cells_of(name):
                cell.status = status_of(str(error))
            return
        self._alive[name] = worker
        self.workers[name] = {"start_seconds": worker.start_seconds, **worker.hello}

    def _cells_of(self, name: str) -> Iterable[Cell]:
        return (cell for cell in self.cells if cell.contestant.worker == name)

    def _ask(self, cell: Cell | None, worker: Worker, do: str, **arguments: Any) -> dict[str, Any]:
        try:
            return worker.ask(do, **arguments)
        except WorkerError as error:
            if cell is not None:
                cell.status = status_of(str(error))
            return {}

    def _prepare(self, cell: Cell, data: str) -> None:
        """Compiles, compares losses, and finds how many steps fill a burst."""
        if cell.status != "measured":
            return
        worker = self._alive[cell.contestant.worker]
        arguments = {
            "entry": cell.contestant.entry,
            "task": cell.task(data),
            "steps": COMPARED_STEPS,
        }
        cell.facts = self._ask(cell, worker, "prepare", name=cell.name, **arguments)
        if cell.status == "measured":
            try:
                cell.steps = worker.steps_of_burst(cell.name, self._seconds)
            except WorkerError as error:
                cell.status = status_of(str(error))

    def _measure(self, cell: Cell, number: int) -> None:
        if cell.status != "measured":
            return
        worker = self._alive[cell.contestant.worker]
        if worker is not self._latest:
            time.sleep(PAUSE)
        self._latest = worker
        burst = self._ask(cell, worker, "burst", name=cell.name, steps=cell.steps)
        if not burst:
            return
        if not burst["finite"]:
            cell.status = "blew up"
        each = 1e3 / (burst["steps"] * cell.contestant.runs)
        costs = {"ms": burst["seconds"] * each, "processor_ms": burst["processor_seconds"] * each}
        idle = {name: burst[name] for name in ("idle_seconds", "idle_processor_seconds")}
        self.rounds.append({**cell.row(), "round": number, **costs, **idle})


def status_of(error: str) -> str:
    """A worker's last words as a status: what is not installed is missing, all else has failed.

    Example:
        >>> status_of("ModuleNotFoundError: No module named 'jax'"), status_of("no answer within 9 s")
        ('missing: jax', 'failed: no answer within 9 s')
    """
    missing = "ModuleNotFoundError: No module named "
    return (
        f"missing: {error[len(missing) :].strip(chr(39))}"
        if error.startswith(missing)
        else f"failed: {error}"
    )


def write_data(path: Path, problem: Problem) -> Path:
    """The data that all workers read, in the precision that they train in."""
    np.savez(path, x=problem.x.astype(np.float32), y=problem.y.astype(np.float32))
    return path
