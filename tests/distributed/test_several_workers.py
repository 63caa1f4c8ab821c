from __future__ import annotations

import signal

import numpy as np
import pytest
import tensorflow as tf

from overparam_tf.checkpoints import Checkpoints
from tests.distributed.cases import assert_same, trained
from tests.distributed.one_worker import FULL_BATCH, SWEEP
from tests.distributed.sweeps import swept
from tests.distributed.workers import ended


def run(folder, count, fate):
    return ended("tests.distributed.one_worker", [str(folder), fate], count, folder, {})


def load(path):
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def expected():
    return trained("momentum", tf.distribute.get_strategy())


@pytest.fixture(scope="module")
def expected_sweep():
    return swept(SWEEP)


@pytest.fixture(scope="module")
def expected_full_batch():
    return swept(FULL_BATCH)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("workers")


@pytest.fixture(scope="module")
def killed(folder):
    return run(folder, 2, "die")


@pytest.fixture(scope="module")
def killed_in_sweep(folder):
    return run(folder, 2, "die-in-sweep")


@pytest.fixture(scope="module")
def continued(folder, killed, killed_in_sweep):
    return run(folder, 3, "live")


def test_two_workers_train_as_one_device_does(killed, folder, expected):
    for worker in range(2):
        assert_same(load(folder / f"die-{worker}-whole.npz"), expected)


def test_a_sweep_on_two_workers_is_that_of_one_device(
    killed, folder, expected_sweep, expected_full_batch
):
    for worker in range(2):
        assert_same(load(folder / f"die-{worker}-sweep.npz"), expected_sweep)
        assert_same(load(folder / f"die-{worker}-full-batch.npz"), expected_full_batch)


def test_a_sweep_on_three_workers_is_that_of_one_device(continued, folder, expected_full_batch):
    for worker in range(3):
        assert_same(load(folder / f"live-{worker}-full-batch.npz"), expected_full_batch)


@pytest.mark.parametrize("fate", ["killed", "killed_in_sweep"])
def test_the_other_worker_ends_with_one_clear_line_when_one_is_killed(fate, request):
    codes, logs, seconds = request.getfixturevalue(fate)
    assert codes == [3, -9], logs
    lines = [line for line in logs[0].splitlines() if line.startswith("WorkerLostError")]
    assert len(lines) == 1 and "start all workers again" in lines[0] and "Traceback" not in logs[0]
    assert seconds < 60


def test_three_workers_train_as_one_device_does(continued, folder, expected):
    assert continued[0] == [0, 0, 0], continued[1]
    for worker in range(3):
        assert_same(load(folder / f"live-{worker}-whole.npz"), expected)


def test_the_run_continues_from_its_checkpoint_on_another_number_of_workers(
    continued, folder, expected
):
    assert_same(load(folder / "live-1-continued.npz"), expected)
    assert Checkpoints(folder / "checkpoints", {}).newest().step == 105


def test_a_killed_sweep_continues_on_another_number_of_workers(
    killed_in_sweep, continued, folder, expected_sweep
):
    assert_same(load(folder / "live-2-sweep-continued.npz"), expected_sweep)
    steps = sorted(path.stem for path in (folder / "of-sweep").iterdir())
    assert steps[-1] == "step-000000000100" and "step-000000000001" not in steps


def test_a_signal_to_one_worker_ends_the_sweep_on_all(continued, folder):
    steps = [
        load(folder / f"live-{worker}-interrupted.npz")["steps"].tolist() for worker in range(3)
    ]
    assert steps[0] == steps[1] == steps[2] and 9 <= steps[0][0] < 100


def test_workers_with_different_data_say_so_on_each(continued):
    for log in continued[1]:
        assert log.count("InputError: Expected the same sweep") == 1 and "sha256" in log


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("values", "data for x and y"),
        ("rows", "data for x and y"),
        ("batches", "number of steps of an epoch for x and y"),
        ("hidden", "data for x and y"),
    ],
)
def test_train_refuses_different_data_on_each_worker(case, expected, continued):
    for log in continued[1]:
        (line,) = (line for line in log.splitlines() if line.startswith(f"{case}: "))
        assert f"Expected the same {expected} on every worker" in line


def test_workers_decide_together(continued, folder):
    for worker in range(3):
        decided = load(folder / f"live-{worker}-decided.npz")
        error = "FileNotFoundError" if worker == 0 else "ChiefEnded"
        assert decided["is chief"] == (worker == 0)
        assert decided["errors"].tolist() == [error, error]
        assert decided["first"] == f"of {worker}" and decided["text"] == "chosen by 0"
        assert decided["votes"].tolist() == [True, False]
        assert decided["agreed"].tolist() == [1, 10]
        assert decided["stopped"].tolist() == [False, True]
        assert decided["signal"] == signal.SIGTERM


def test_only_the_chief_wrote(killed, folder):
    assert sorted(path.suffix for path in (folder / "checkpoints").iterdir()) == [".npz", ".npz"]
