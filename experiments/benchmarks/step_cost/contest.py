"""The contest: every way to take a step, in short bursts in turn, so that drift hits all alike."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmarks.step_cost.contestants import (
    CONTESTANTS,
    RATES,
    Contestant,
    Setting,
    Threads,
)
from experiments.benchmarks.step_cost.status import BLEW_UP, MEASURED, State, Status
from experiments.benchmarks.step_cost.worker_process import Launcher, Worker, WorkerError
from overparam_tf.datasets import Problem

# Losses are compared after this many steps from the same start at the same rate.
COMPARED_STEPS = 100
IDLE_COLUMNS = ("idle_seconds", "idle_processor_seconds")


@dataclass
class Measurement:
    """A contestant in one setting, and what is known of it so far.

    Attributes:
        contestant: The contestant.
        setting: The setting.
        threads: With how many threads.
        status: Whether it can be measured, and otherwise why not.
        preparation: Its worker's reply when it was prepared: `seconds`, `start_loss` and `loss`.
        steps: Number of steps of a burst.
    """

    contestant: Contestant
    setting: Setting
    threads: Threads = "all"
    status: Status = MEASURED
    preparation: dict[str, Any] = field(default_factory=dict)
    steps: int = 1

    @property
    def name(self) -> str:
        """Return its name in the worker."""
        name = f"{self.contestant.label}/{self.setting.optimizer}/{self.setting.depth}"
        return name if self.threads == "all" else f"{name}, {self.threads} thread"

    @property
    def worker(self) -> str:
        """Return the name of its worker: its module, and its threads if they are not all."""
        module = self.contestant.worker
        return module if self.threads == "all" else f"{module}, {self.threads} thread"

    def task(self, data: str) -> dict[str, Any]:
        """Return the arguments of `peers.task.make_task`.

        Args:
            data: Path of the data.
        """
        return {
            "data": data,
            "optimizer": self.setting.optimizer,
            "depth": self.setting.depth,
            "rate": RATES[self.setting.optimizer],
            "runs": self.contestant.runs,
            **self.contestant.task,
        }

    def row(self) -> dict[str, Any]:
        """Return the columns that identify it in a table."""
        return {
            "contestant": self.contestant.label,
            "kind": self.contestant.kind,
            "worker": self.worker,
            "optimizer": self.setting.optimizer,
            "depth": self.setting.depth,
            "p": self.contestant.task.get("p", 4),
            "runs": self.contestant.runs,
            "threads": self.threads,
        }


def measurements_of(settings: Sequence[Setting]) -> list[Measurement]:
    """Return all contestants in the first setting, those that are `everywhere` in the others.

    Each is there once for every number of threads.
    """
    first, *_ = settings
    return [
        Measurement(contestant, setting, threads)
        for setting in settings
        for contestant in CONTESTANTS
        if contestant.everywhere or setting == first
        for threads in contestant.threads
    ]


class Contest:
    """Measures contestants, each in its worker, all workers alive at once and all but one idle.

    Args:
        measurements: What to measure; `status`, `preparation` and `steps` are filled in.
        problem: The data.
        seconds: Length of a burst.
        launcher: How workers are started.

    Attributes:
        workers: By worker, its versions, the seconds that it took to start, and its memory.
        rounds: A row for each burst.
    """

    def __init__(
        self,
        measurements: Sequence[Measurement],
        problem: Problem,
        seconds: float,
        launcher: Launcher,
    ):
        self.measurements = measurements
        self.workers: dict[str, dict[str, Any]] = {}
        self.rounds: list[dict[str, Any]] = []
        self._problem, self._seconds, self._launcher = problem, seconds, launcher
        self._modules = {
            each.worker: (each.contestant.worker, each.threads) for each in measurements
        }
        self._alive: dict[str, Worker] = {}
        self._latest: Worker | None = None

    def pieces(self, rounds: int) -> int:
        """Return the number of pieces of work that `run` reports."""
        return len(self._modules) + (1 + rounds) * len(self.measurements)

    def state(self) -> dict[str, Any]:
        """Return what is known so far, JSON-ready."""
        return {
            "rounds": self.rounds,
            "workers": self.workers,
            "measurements": {
                each.name: {
                    "status": [each.status.state.value, each.status.reason],
                    "preparation": each.preparation,
                }
                for each in self.measurements
            },
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Set what is known to what `state` returned."""
        self.rounds, self.workers = list(state["rounds"]), dict(state["workers"])
        for each in self.measurements:
            known = state["measurements"][each.name]
            kind, reason = known["status"]
            each.status, each.preparation = Status(State(kind), reason), known["preparation"]

    def run(
        self,
        rounds: int,
        report: Callable[[str], None],
        keep: Callable[[], None] = lambda: None,
        first: int = 0,
    ) -> None:
        """Start the workers, prepare, and measure.

        Args:
            rounds: Bursts of each contestant.
            report: Called with a description of each piece of work before it begins.
            keep: Called after each round.
            first: Number of rounds that were measured before; default 0.
        """
        with tempfile.TemporaryDirectory() as folder:
            data = str(write_data(Path(folder, "data.npz"), self._problem))
            try:
                for name in self._modules:
                    report(f"starting {name}")
                    self._start(name)
                for measurement in self.measurements:
                    report(f"preparing {measurement.name}")
                    self._attempt(self._prepare, measurement, data)
                for number in range(first, rounds):
                    for measurement in self.measurements:
                        report(f"round {number + 1}, {measurement.name}")
                        self._attempt(self._measure, measurement, number)
                    for name, worker in self._alive.items():
                        self.workers[name] |= _memory(worker)
                    keep()
            finally:
                for worker in self._alive.values():
                    worker.close()

    def _start(self, name: str) -> None:
        try:
            worker = self._launcher.start(*self._modules[name])
        except WorkerError as error:
            self.workers[name] = {"error": str(error)}
            for measurement in self._measurements_in(name):
                measurement.status = Status.from_error(error)
            return
        self._alive[name] = worker
        self.workers[name] = {"start_seconds": worker.start_seconds, **worker.hello}

    def _measurements_in(self, worker: str) -> Iterable[Measurement]:
        return (each for each in self.measurements if each.worker == worker)

    def _attempt(
        self, act: Callable[..., None], measurement: Measurement, argument: object
    ) -> None:
        """Do the next thing to a measurement, unless one before has failed."""
        if measurement.status == MEASURED:
            try:
                act(measurement, argument)
            except WorkerError as error:
                measurement.status = Status.from_error(error)

    def _prepare(self, measurement: Measurement, data: str) -> None:
        """Compile, compare losses, and find how many steps fill a burst."""
        worker = self._alive[measurement.worker]
        measurement.preparation = worker.ask(
            "prepare",
            name=measurement.name,
            entry=measurement.contestant.entry,
            task=measurement.task(data),
            steps=COMPARED_STEPS,
        )
        measurement.steps = worker.steps_of_burst(measurement.name, self._seconds)

    def _measure(self, measurement: Measurement, number: int) -> None:
        """Take one burst of steps, in the round of this number."""
        worker = self._alive[measurement.worker]
        if worker is not self._latest:
            self._launcher.rest()
        self._latest = worker
        burst = worker.ask("burst", name=measurement.name, steps=measurement.steps)
        if not burst["finite"]:
            measurement.status = BLEW_UP  # steps of NaN are no measurement
            return
        run_steps = burst["steps"] * measurement.contestant.runs
        row = {
            **measurement.row(),
            "round": number,
            "ms": 1e3 * burst["seconds"] / run_steps,
            "processor_ms": 1e3 * burst["processor_seconds"] / run_steps,
        }
        self.rounds.append(row | {name: burst[name] for name in IDLE_COLUMNS})


def _memory(worker: Worker) -> dict[str, Any]:
    """Return the memory of a worker, or nothing if it has ended."""
    try:
        return worker.ask("memory")
    except WorkerError:
        return {}


def write_data(path: Path, problem: Problem) -> Path:
    """Write the data that all workers read, in the precision that they train in."""
    np.savez(path, x=problem.x.astype(np.float32), y=problem.y.astype(np.float32))
    return path
