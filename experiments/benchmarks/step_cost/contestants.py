"""Who takes part in the contest, and in which settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

# The highest rates used; none blows up, at any depth, in the steps of a long contest.
RATES = {"sgd": 5e-4, "adagrad": 1e-2, "adadelta": 2e-2, "adam": 1e-3}
RUNS = (1, 10, 30, 100, 300)
MANY = 30
# As many threads as the library starts by itself, or a single one.
Threads = Literal["all", "1"]
EITHER: tuple[Threads, ...] = ("all", "1")


@dataclass(frozen=True)
class Contestant:
    """One way to take steps.

    Attributes:
        label: Its name in tables and figures.
        kind: Whether it is our sweep, a peer, or a limit of the machine.
        worker: The module of `peers` that it runs in.
        entry: Its name there.
        runs: Number of runs that it trains side by side.
        everywhere: Whether it is measured in every setting, or in the first one alone: gradient
            descent at depth 1.
        threads: With how many threads its library computes, each in a worker of its own. On a busy
            machine threads wait for one another, so that one may be faster than all of them.
        task: What its task has in addition; see `peers.task.make_task`.
    """

    label: str
    kind: Literal["ours", "peer", "limit"]
    worker: str
    entry: str
    runs: int = 1
    everywhere: bool = False
    threads: tuple[Threads, ...] = ("all",)
    task: dict[str, Any] = field(default_factory=dict)


class Setting(NamedTuple):
    """An optimizer and a depth."""

    optimizer: str
    depth: int


def sweep_label(runs: int) -> str:
    """Return the label of our sweep."""
    return f"sweep, {runs} run{'s' * (runs > 1)}"


def products_label(runs: int) -> str:
    """Return the label of the limit."""
    return f"two BLAS products, {runs} run{'s' * (runs > 1)}"


ONE, THIRTY = sweep_label(1), sweep_label(MANY)
SWEEP_P2, SWEEP_COMPRESSED = f"{THIRTY}, p = 2", f"{THIRTY}, p = 2, compressed"
FIT, FIT_REPEATED = "Keras fit, a batch an epoch", "Keras fit, 50 steps an execution"
TORCH, SCAN, VMAP_SCAN = "PyTorch loop", "JAX scan", f"JAX vmap(scan), {MANY} runs"
FUSED = "numba fused pass, one core"


def _sweep(label: str, runs: int, everywhere: bool = False, **task: Any) -> Contestant:
    return Contestant(label, "ours", "with_sweep", "sweep", runs, everywhere, task=task)


def _peer(label: str, worker: str, entry: str, runs: int = 1) -> Contestant:
    return Contestant(label, "peer", worker, entry, runs, everywhere=True, threads=EITHER)


def _products(runs: int) -> Contestant:
    label = products_label(runs)
    return Contestant(label, "limit", "with_numpy", "products", runs, threads=EITHER)


CONTESTANTS = (
    *(_sweep(sweep_label(runs), runs, runs in (1, MANY)) for runs in RUNS),
    _sweep(SWEEP_P2, MANY, p=2),
    _sweep(SWEEP_COMPRESSED, MANY, p=2, compressed=True),
    _peer(FIT, "with_keras", "fit"),
    _peer(FIT_REPEATED, "with_keras", "fit_repeated"),
    _peer("Keras train_on_batch", "with_keras", "train_on_batch"),
    _peer("tf.function, a call a step", "with_keras", "tf_function"),
    _peer(TORCH, "with_torch", "loop"),
    _peer(SCAN, "with_jax", "scan"),
    _peer(VMAP_SCAN, "with_jax", "vmap_scan", MANY),
    _peer("NumPy loop", "with_numpy", "loop"),
    Contestant(FUSED, "limit", "with_numba", "fused"),
    *(_products(runs) for runs in RUNS),
)


def settings_of(depths: Sequence[int]) -> list[Setting]:
    """Return the settings of `experiments.optimizer_compare`.

    Depth is for gradient descent and Adam; every optimizer is measured at depth 1. Gradient descent
    at depth 1 is the first setting.

    Args:
        depths: The depths, in the order in which they are measured.
    """
    deeper = [depth for depth in depths if depth > 1]
    return [
        Setting("sgd", 1),
        *(Setting("sgd", depth) for depth in deeper),
        Setting("adagrad", 1),
        Setting("adadelta", 1),
        Setting("adam", 1),
        *(Setting("adam", depth) for depth in deeper),
    ]
