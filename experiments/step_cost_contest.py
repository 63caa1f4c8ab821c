"""The contest: every way to take a step, side by side, in short bursts in turn so that drift hits all alike."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.step_cost_workers import Worker, WorkerError, peer_command
from overparam_tf.datasets import Problem

# Losses are compared after so many steps from the same start at the same rate.
COMPARED_STEPS = 100
# The highest rates used; none blows up, at any depth, in the steps of a long contest.
RATES = {"sgd": 5e-4, "adagrad": 1e-2, "adadelta": 1e-1, "adam": 1e-3}
# Thread pools spin for some time after their last work, BLAS's for about 30 ms; a burst of another worker waits for that.
PAUSE = 0.05
RUNS = (1, 10, 30, 100, 300)
MANY = 30


@dataclass(frozen=True)
class Contestant:
    """One way to take steps: a label, the worker and the entry of it, and what its task has of its own.

    `kind` is `"ours"`, `"peer"` or `"limit"`. Those that are not `everywhere` are measured in one setting alone:
    gradient descent at depth 1.
    """

    label: str
    kind: str
    worker: str
    entry: str
    runs: int = 1
    everywhere: bool = False
    task: dict[str, Any] = field(default_factory=dict)


def sweep_label(runs: int) -> str:
    """The label of our sweep."""
    return f"sweep, {runs} run{'s' * (runs > 1)}"


def products_label(runs: int) -> str:
    """The label of the limit for so many runs."""
    return f"two BLAS products, {runs} run{'s' * (runs > 1)}"


SWEEP_P2, SWEEP_COMPRESSED = f"{sweep_label(MANY)}, p = 2", f"{sweep_label(MANY)}, p = 2, compressed"
FIT, FIT_REPEATED = "Keras fit, a batch an epoch", "Keras fit, 50 steps an execution"
TORCH, SCAN, VMAP_SCAN = "PyTorch loop", "JAX scan", f"JAX vmap(scan), {MANY} runs"
FUSED = "numba fused pass, one core"

CONTESTANTS = (
    *(Contestant(sweep_label(n), "ours", "with_sweep", "sweep", n, n in (1, MANY)) for n in RUNS),
    Contestant(SWEEP_P2, "ours", "with_sweep", "sweep", MANY, task={"p": 2}),
    Contestant(SWEEP_COMPRESSED, "ours", "with_sweep", "sweep", MANY, task={"p": 2, "compressed": True}),
    Contestant(FIT, "peer", "with_keras", "fit", everywhere=True),
    Contestant(FIT_REPEATED, "peer", "with_keras", "fit_repeated", everywhere=True),
    Contestant("Keras train_on_batch", "peer", "with_keras", "train_on_batch", everywhere=True),
    Contestant("tf.function, a call a step", "peer", "with_keras", "tf_function", everywhere=True),
    Contestant(TORCH, "peer", "with_torch", "loop", everywhere=True),
    Contestant(SCAN, "peer", "with_jax", "scan", everywhere=True),
    Contestant(VMAP_SCAN, "peer", "with_jax", "vmap_scan", MANY, everywhere=True),
    Contestant("NumPy loop", "peer", "with_numpy", "loop", everywhere=True),
    Contestant(FUSED, "limit", "with_numba", "fused"),
    *(Contestant(products_label(n), "limit", "with_numpy", "products", n) for n in RUNS),
)


@dataclass
class Cell:
    """A contestant in one setting, and what is known of it so far. `status`: why it is not measured, if it is not."""

    contestant: Contestant
    optimizer: str
    depth: int
    status: str = "measured"
    facts: dict[str, Any] = field(default_factory=dict)
    steps: int = 1

    @property
    def name(self) -> str:
        """What its worker calls it."""
        return f"{self.contestant.label}/{self.optimizer}/{self.depth}"

    def task(self, data: str) -> dict[str, Any]:
        """The arguments of `peers.task.make_task`."""
        setting = {"optimizer": self.optimizer, "depth": self.depth, "rate": RATES[self.optimizer]}
        return {"data": data, **setting, "runs": self.contestant.runs, **self.contestant.task}

    def row(self) -> dict[str, Any]:
        """What identifies it in a table."""
        who = self.contestant
        return {
            "contestant": who.label,
            "kind": who.kind,
            "worker": who.worker,
            "optimizer": self.optimizer,
            "depth": self.depth,
            "p": who.task.get("p", 4),
            "runs": who.runs,
        }


def settings_of(depths: Sequence[int]) -> list[tuple[str, int]]:
    """Optimizers and depths, those of `experiments.optimizer_compare`: depth is for gradient descent and Adam."""
    deeper = [depth for depth in depths if depth > 1]
    adam = [("adam", depth) for depth in (1, *deeper)]
    return [("sgd", 1), *(("sgd", depth) for depth in deeper), ("adagrad", 1), ("adadelta", 1), *adam]


def cells_of(settings: Sequence[tuple[str, int]]) -> list[Cell]:
    """Every contestant in the first setting, those that are `everywhere` in the others too."""
    return [
        Cell(contestant, optimizer, depth)
        for optimizer, depth in settings
        for contestant in CONTESTANTS
        if contestant.everywhere or (optimizer, depth) == settings[0]
    ]


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
        arguments = {"entry": cell.contestant.entry, "task": cell.task(data), "steps": COMPARED_STEPS}
        cell.facts = self._ask(cell, worker, "prepare", name=cell.name, **arguments)
        while cell.status == "measured":
            burst = self._ask(cell, worker, "burst", name=cell.name, steps=cell.steps)
            if burst and burst["seconds"] < self._seconds / 4:
                # At most tenfold at a time: the first call may be slower than all others.
                cell.steps = int(burst["steps"] * np.clip(self._seconds / max(burst["seconds"], 1e-9), 2, 10))
            elif burst:
                cell.steps = max(1, round(burst["steps"] * self._seconds / burst["seconds"]))
                return

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
    return f"missing: {error[len(missing) :].strip(chr(39))}" if error.startswith(missing) else f"failed: {error}"


def write_data(path: Path, problem: Problem) -> Path:
    """The data that all workers read, in the precision that they train in."""
    np.savez(path, x=problem.x.astype(np.float32), y=problem.y.astype(np.float32))
    return path


def results_of(cells: Sequence[Cell], rounds: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """A row a cell: median, least and largest cost of a run-step in ms, the losses, and the status."""
    bursts = pd.DataFrame(rounds, columns=["contestant", "optimizer", "depth", "ms", "processor_ms"])
    costs = bursts.groupby(["contestant", "optimizer", "depth"]).agg(
        ms=("ms", "median"), ms_min=("ms", "min"), ms_max=("ms", "max"), processor_ms=("processor_ms", "median")
    )
    rows = [
        {
            **cell.row(),
            "status": cell.status,
            "prepare_seconds": cell.facts.get("seconds"),
            "start_loss": cell.facts.get("start_loss"),
            "loss": cell.facts.get("loss"),
        }
        for cell in cells
    ]
    return pd.DataFrame(rows).merge(costs.reset_index(), on=["contestant", "optimizer", "depth"], how="left")
