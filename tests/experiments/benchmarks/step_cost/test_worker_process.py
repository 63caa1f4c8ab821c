"""Workers: the conversation, how they fail, and what is beside `peers` on their path."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from experiments.benchmarks.step_cost.worker_process import (
    FOLDER,
    Worker,
    WorkerError,
    peer_command,
)

HELLO = "print('{}', flush=True); "


def start(code, timeout=20):
    return Worker([sys.executable, "-c", code], timeout)


DEAD = {
    "not installed": (
        "import no_such_module",
        "ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "last of several lines": ("import sys; sys.exit('first\\nlast\\n\\n')", "last"),
    "without a word": ("import sys; sys.exit(3)", "ended without a word, exit code 3"),
    "no JSON": ("print('hello')", "Expected JSON. Received: 'hello'"),
}


@pytest.mark.parametrize("case", DEAD)
def test_a_worker_that_does_not_come_up_says_why(case):
    code, words = DEAD[case]
    with pytest.raises(WorkerError, match=words):
        start(code)


def test_a_late_worker_is_killed():
    with pytest.raises(WorkerError, match="no answer within"):
        start("import time; time.sleep(60)", timeout=0.3)


def test_a_worker_that_dies_stays_dead():
    worker = start(HELLO + "input(); 1 / 0")
    for _ in range(2):
        with pytest.raises(WorkerError, match="ZeroDivisionError"):
            worker.ask("burst")


def test_an_error_in_a_reply_leaves_the_worker_alive():
    worker = start(HELLO + 'input(); print(\'{"error": "no"}\'); input(); print(\'{"fine": 1}\')')
    with pytest.raises(WorkerError, match="no"):
        worker.ask("prepare")
    assert worker.ask("memory") == {"fine": 1}
    worker.close()
    with pytest.raises(WorkerError, match="closed"):
        worker.ask("memory")


def test_workers_do_not_load_tensorflow():
    assert "peers.with_numpy" in peer_command("with_numpy")[-1]
    code = "import sys, peers.with_numpy; print('[%d]' % ('tensorflow' in sys.modules), flush=True)"
    worker = start(code)
    assert worker.hello == [0]
    worker.close()


def test_workers_find_the_library_and_the_experiments():
    specs = "[find_spec(name) is None for name in ('overparam_tf', 'experiments')]"
    worker = start(f"from importlib.util import find_spec; print([*map(int, {specs})], flush=True)")
    assert worker.hello == [0, 0]
    worker.close()


def test_no_module_beside_peers_hides_another_library():
    names = {path.stem for path in FOLDER.iterdir() if path.suffix == ".py" or path.is_dir()}
    for name in names - {"__init__", "__main__", "__pycache__"}:
        assert name not in sys.stdlib_module_names and importlib.util.find_spec(name) is None, name
