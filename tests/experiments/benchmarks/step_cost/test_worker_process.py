"""Workers: the conversation, how they fail, and that every contestant computes the same thing."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from experiments.benchmarks.step_cost.contest import Contest, status_of
from experiments.benchmarks.step_cost.contestants import cells_of
from experiments.benchmarks.step_cost.peers.serve import Server
from experiments.benchmarks.step_cost.peers.task import HYPERPARAMETERS, make_task, start
from experiments.benchmarks.step_cost.workers import Worker, WorkerError, peer_command
from overparam_tf import Problem
from overparam_tf.dynamics import dense_reference

DATA = {"rows": 60, "features": 5, "outputs": 1}
HELLO = "print('{}', flush=True); "


def fake(code, timeout=20):
    return Worker([sys.executable, "-c", code], timeout)


DEAD = {
    "not installed": (
        "import no_such_module",
        "ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "last of several lines": ("import sys; sys.exit('first\\nlast\\n\\n')", "last"),
    "without a word": ("import sys; sys.exit(3)", "ended without a word, exit code 3"),
    "no JSON": ("print('hello')", "Expected JSON, received 'hello'"),
}


@pytest.mark.parametrize("case", DEAD)
def test_a_worker_that_does_not_come_up_says_why(case):
    code, words = DEAD[case]
    with pytest.raises(WorkerError, match=words):
        fake(code)


def test_a_late_worker_is_killed():
    with pytest.raises(WorkerError, match="no answer within"):
        fake("import time; time.sleep(60)", timeout=0.3)


def test_a_worker_that_dies_stays_dead():
    worker = fake(HELLO + "input(); 1 / 0")
    for _ in range(2):
        with pytest.raises(WorkerError, match="ZeroDivisionError"):
            worker.ask("burst")


def test_an_error_in_a_reply_leaves_the_worker_alive():
    worker = fake(HELLO + 'input(); print(\'{"error": "no"}\'); input(); print(\'{"fine": 1}\')')
    with pytest.raises(WorkerError, match="no"):
        worker.ask("prepare")
    assert worker.ask("memory") == {"fine": 1}
    worker.close()
    with pytest.raises(WorkerError, match="closed"):
        worker.ask("memory")


@pytest.mark.parametrize(
    ("error", "status"),
    [("ModuleNotFoundError: No module named 'jax'", "missing: jax"), ("Killed", "failed: Killed")],
)
def test_missing_is_told_from_failed(error, status):
    assert status_of(error) == status


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


def test_a_contest_of_real_workers():
    rng = np.random.default_rng(0)
    problem = Problem(
        "toy",
        rng.standard_normal((50, 4)),
        rng.standard_normal((50, 1)),
        "made",
        "none",
        synthetic=True,
    )
    cells = [cell for cell in cells_of([("sgd", 1)]) if cell.contestant.worker == "with_numpy"]
    contest = Contest(cells, problem, seconds=0.002, timeout=60)
    assert all("with_numpy" in word or "/sgd/1" in word for word in contest.run(rounds=2))
    assert [cell.status for cell in cells] == ["measured"] * len(cells) and len(
        contest.rounds
    ) == 2 * len(cells)
    assert all(burst["ms"] > 0 for burst in contest.rounds)
    assert contest.workers["with_numpy"]["versions"] == {"numpy": np.__version__}


def test_workers_do_not_load_tensorflow():
    assert "peers.with_numpy" in peer_command("with_numpy")[-1]
    code = "import sys, peers.with_numpy; print('[%d]' % ('tensorflow' in sys.modules), flush=True)"
    worker = fake(code)
    assert worker.hello == [0]
    worker.close()


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
SETTINGS = [("sgd", 3, 0.05), ("adagrad", 1, 0.05), ("adadelta", 2, 0.5), ("adam", 2, 0.01)]


def oracle(task, steps):
    """Factors in float64, the optimizers' published formulas."""
    factors = [factor.astype(np.float64) for factor in task.factors]
    x, y = task.x.astype(np.float64), task.y.astype(np.float64)
    slots = [
        (np.zeros_like(f), np.full_like(f, task.hyperparameters.get("accumulator", 0.0)))
        for f in factors
    ]
    for step in range(1, steps + 1):
        gradient = x.T @ (x @ dense_reference.product(factors) - y) ** (task.p - 1) / y.size
        moved = dense_reference.descend(factors, gradient, 1.0)
        for j, (factor, after) in enumerate(zip(factors, moved, strict=True)):
            move, slots[j] = MOVES[task.optimizer](factor - after, *slots[j], step)
            factors[j] = factor - task.rates[-1] * move
    return dense_reference.product(factors)


def adadelta(g, d, a, step):
    a = 0.95 * a + 0.05 * g**2
    move = g * np.sqrt((d + 1e-7) / (a + 1e-7))
    return move, (0.95 * d + 0.05 * move**2, a)


def adam(g, m, v, step):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return m / (1 - 0.9**step) / np.sqrt(v / (1 - 0.999**step)), (m, v)


MOVES = {
    "sgd": lambda g, d, a, step: (g, (d, a)),
    "adagrad": lambda g, d, a, step: (g / np.sqrt(a + g**2), (d, a + g**2)),
    "adadelta": adadelta,
    "adam": adam,
}


@pytest.mark.parametrize(("module", "name"), TRAINERS, ids=[f"{m}-{n}" for m, n in TRAINERS])
@pytest.mark.parametrize(
    ("optimizer", "depth", "rate"), SETTINGS, ids=[f"{o}-{d}" for o, d, _ in SETTINGS]
)
def test_every_contestant_takes_the_same_steps(module, name, optimizer, depth, rate):
    trainer = getattr(pytest.importorskip(f"experiments.peers.{module}"), name)
    runs = 3 if name in ("SweepTrainer", "VectorizedScan") else 1
    task = make_task(DATA, optimizer=optimizer, depth=depth, rate=rate, runs=runs)
    made, steps = trainer(task), 20 if name == "Fit" else 100  # an epoch a step is slow
    made.advance(steps)
    expected = oracle(task, steps)
    np.testing.assert_allclose(made.kernel(), expected, rtol=1e-3, atol=1e-5)
    assert task.loss(expected) < 0.99 * task.loss(dense_reference.product(task.factors))


def test_the_fused_pass_takes_the_same_steps():
    task = make_task(DATA, rate=0.05)
    made = pytest.importorskip("experiments.peers.with_numba").FusedPass(task)
    made.advance(100)
    np.testing.assert_allclose(made.kernel(), oracle(task, 100), rtol=1e-3, atol=1e-5)


def test_compressed_data_give_the_same_kernel():
    sweep = pytest.importorskip("experiments.peers.with_sweep").SweepTrainer
    kernels = []
    for compressed in (False, True):
        made = sweep(make_task(DATA, rate=0.05, p=2, compressed=compressed))
        made.advance(100)
        kernels.append(made.kernel())
    np.testing.assert_allclose(*kernels, rtol=1e-4, atol=1e-6)


def test_every_optimizer_is_tested():
    assert {optimizer for optimizer, _, _ in SETTINGS} == set(HYPERPARAMETERS) == set(MOVES)
