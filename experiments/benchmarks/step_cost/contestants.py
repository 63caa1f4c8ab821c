"""Who takes part in the contest of `experiments.step_cost`, in which settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

# Losses are compared after so many steps from the same start at the same rate.
COMPARED_STEPS = 100
# The highest rates used; none blows up, at any depth, in the steps of a long contest.
RATES = {"sgd": 5e-4, "adagrad": 1e-2, "adadelta": 2e-2, "adam": 1e-3}
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


ONE, THIRTY = sweep_label(1), sweep_label(MANY)
SWEEP_P2, SWEEP_COMPRESSED = f"{THIRTY}, p = 2", f"{THIRTY}, p = 2, compressed"
FIT, FIT_REPEATED = "Keras fit, a batch an epoch", "Keras fit, 50 steps an execution"
TORCH, SCAN, VMAP_SCAN = "PyTorch loop", "JAX scan", f"JAX vmap(scan), {MANY} runs"
FUSED = "numba fused pass, one core"

CONTESTANTS = (
    *(Contestant(sweep_label(n), "ours", "with_sweep", "sweep", n, n in (1, MANY)) for n in RUNS),
    Contestant(SWEEP_P2, "ours", "with_sweep", "sweep", MANY, task={"p": 2}),
    Contestant(
        SWEEP_COMPRESSED, "ours", "with_sweep", "sweep", MANY, task={"p": 2, "compressed": True}
    ),
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
    return [
        ("sgd", 1),
        *(("sgd", depth) for depth in deeper),
        ("adagrad", 1),
        ("adadelta", 1),
        *adam,
    ]


def cells_of(settings: Sequence[tuple[str, int]]) -> list[Cell]:
    """Every contestant in the first setting, those that are `everywhere` in the others too."""
    return [
        Cell(contestant, optimizer, depth)
        for optimizer, depth in settings
        for contestant in CONTESTANTS
        if contestant.everywhere or (optimizer, depth) == settings[0]
    ]
