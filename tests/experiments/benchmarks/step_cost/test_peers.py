"""The contestants: the server that runs them, and that all of them compute the same thing."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from experiments.benchmarks.step_cost.peers.serve import Server
from experiments.benchmarks.step_cost.peers.task import HYPERPARAMETERS, make_task, start
from overparam_tf.dynamics import dense_reference

PEERS = "experiments.benchmarks.step_cost.peers"
DATA = {"rows": 60, "features": 5, "outputs": 1}


class Counter:
    """A trainer that counts."""

    stride = 8

    def __init__(self, task):
        self.steps, self.task = 0, task

    def advance(self, steps):
        self.steps += steps

    def kernel(self):
        return np.full((5, 1), np.nan if self.steps > 20 else 0.0)


def test_the_server_rounds_up_to_the_stride_and_sees_a_blow_up():
    server = Server({"count": Counter})
    request = {"do": "prepare", "name": "a", "entry": "count", "task": {"data": DATA}, "steps": 8}
    prepared = server.answer(request)
    assert prepared["loss"] == prepared["start_loss"] > 0
    bursts = [server.answer({"do": "burst", "name": "a", "steps": 3}) for _ in range(2)]
    assert [(burst["steps"], burst["finite"]) for burst in bursts] == [(8, True), (8, False)]
    assert "KeyError" in server.answer({"do": "burst", "name": "b", "steps": 3})["error"]


@pytest.mark.parametrize(
    ("depth", "width", "outputs"), [(1, 1, 1), (3, 1, 1), (2, 8, 3), (16, 64, 2)]
)
def test_the_start_moves_at_once(depth, width, outputs):
    factors = start(200, outputs, depth, width)
    assert 0.02 < np.linalg.norm(dense_reference.product(factors)) < 0.5
    norms = [np.linalg.norm(factor, 2) for factor in factors]
    assert max(norms) < 12 * min(norms)


TRAINERS = [
    ("with_numpy", "Loop"),
    ("with_sweep", "SweepTrainer"),
    ("with_keras", "Fit"),
    ("with_keras", "FitRepeated"),
    ("with_keras", "TrainOnBatch"),
    ("with_keras", "CompiledStep"),
    ("with_torch", "Loop"),
    ("with_jax", "Scan"),
    ("with_jax", "VectorizedScan"),
]
LIBRARIES = {"with_jax": ("jax",), "with_torch": ("torch",), "with_numba": ("numba",)}
SETTINGS = [("sgd", 3, 0.05), ("adagrad", 1, 0.05), ("adadelta", 2, 0.5), ("adam", 2, 0.01)]


def trainer_of(module, name):
    for library in LIBRARIES.get(module, ()):
        pytest.importorskip(library)
    return getattr(importlib.import_module(f"{PEERS}.{module}"), name)


def oracle(task, steps):
    """Return the kernel from factors in float64 and the optimizers' published formulas."""
    factors = [factor.astype(np.float64) for factor in task.factors]
    x, y = task.x.astype(np.float64), task.y.astype(np.float64)
    first = task.hyperparameters.get("accumulator", 0.0)
    slots = [(np.zeros_like(factor), np.full_like(factor, first)) for factor in factors]
    for step in range(1, steps + 1):
        gradient = x.T @ (x @ dense_reference.product(factors) - y) ** (task.p - 1) / y.size
        moved = dense_reference.descend(factors, gradient, 1.0)
        for j, (factor, after) in enumerate(zip(factors, moved, strict=True)):
            move, slots[j] = MOVES[task.optimizer](factor - after, *slots[j], step)
            factors[j] = factor - task.rates[-1] * move
    return dense_reference.product(factors)


def sgd(g, d, a, step):
    return g, (d, a)


def adagrad(g, d, a, step):
    a = a + g**2
    return g / np.sqrt(a), (d, a)


def adadelta(g, d, a, step):
    a = 0.95 * a + 0.05 * g**2
    move = g * np.sqrt((d + 1e-7) / (a + 1e-7))
    return move, (0.95 * d + 0.05 * move**2, a)


def adam(g, m, v, step):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return m / (1 - 0.9**step) / np.sqrt(v / (1 - 0.999**step)), (m, v)


MOVES = {"sgd": sgd, "adagrad": adagrad, "adadelta": adadelta, "adam": adam}


@pytest.mark.parametrize(("module", "name"), TRAINERS, ids=[f"{m}-{n}" for m, n in TRAINERS])
@pytest.mark.parametrize(
    ("optimizer", "depth", "rate"), SETTINGS, ids=[f"{o}-{d}" for o, d, _ in SETTINGS]
)
def test_every_contestant_takes_the_same_steps(module, name, optimizer, depth, rate):
    trainer = trainer_of(module, name)
    runs = 3 if name in ("SweepTrainer", "VectorizedScan") else 1
    task = make_task(DATA, optimizer=optimizer, depth=depth, rate=rate, runs=runs)
    made, steps = trainer(task), 20 if name == "Fit" else 100  # an epoch a step is slow
    made.advance(steps)
    expected = oracle(task, steps)
    np.testing.assert_allclose(made.kernel(), expected, rtol=1e-3, atol=1e-5)
    assert task.loss(expected) < 0.99 * task.loss(dense_reference.product(task.factors))


def test_the_fused_pass_takes_the_same_steps():
    task = make_task(DATA, rate=0.05)
    made = trainer_of("with_numba", "FusedPass")(task)
    made.advance(100)
    np.testing.assert_allclose(made.kernel(), oracle(task, 100), rtol=1e-3, atol=1e-5)


def test_compressed_data_give_the_same_kernel():
    sweep = trainer_of("with_sweep", "SweepTrainer")
    kernels = []
    for compressed in (False, True):
        made = sweep(make_task(DATA, rate=0.05, p=2, compressed=compressed))
        made.advance(100)
        kernels.append(made.kernel())
    np.testing.assert_allclose(*kernels, rtol=1e-4, atol=1e-6)


def test_every_optimizer_is_tested():
    assert {optimizer for optimizer, _, _ in SETTINGS} == set(HYPERPARAMETERS) == set(MOVES)
