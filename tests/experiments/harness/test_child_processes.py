"""Children of a process that is killed end too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.harness import child_processes
from experiments.harness.child_processes import PARENT, bound_to_this_process, end_with_parent

CHILD = """
import os, pathlib, signal, sys, time
path = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: (path.with_suffix(".saved").touch(), os._exit(143)))
path.write_text(str(os.getpid()))
time.sleep(60)
"""
# The file by itself: its package would import TensorFlow.
FATHER = f"""
import runpy, subprocess, sys
bound_to_this_process = runpy.run_path({child_processes.__file__!r})["bound_to_this_process"]
command = [sys.executable, "-c", *sys.argv[1:]]
subprocess.Popen(bound_to_this_process(command), start_new_session=True).wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of a process")
def test_an_interrupt_while_importing_is_no_traceback(tmp_path):
    command = [sys.executable, "-m", "experiments.minimal", "--logdir", str(tmp_path / "logs")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        while "tensorflow" not in Path(f"/proc/{program.pid}/maps").read_text():
            assert program.poll() is None
            time.sleep(0.005)
        program.send_signal(signal.SIGINT)
        _, error = program.communicate()
    assert program.returncode == 130 and error.count("\n") == 1, error
    assert not (tmp_path / "logs").exists()


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="a call of Linux")
def test_the_child_of_a_killed_process_saves(tmp_path):
    marker = tmp_path / "begun"
    father = subprocess.Popen([sys.executable, "-c", FATHER, CHILD, str(marker)])
    wait_for(marker)
    father.kill()
    father.wait()
    wait_for(marker.with_suffix(".saved"))


def test_the_command_is_that_of_the_child(tmp_path):
    code = "import os, sys; print(os.getppid(), sys.argv[1:])"
    command = bound_to_this_process([sys.executable, "-c", code, "a b"])
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{os.getpid()} ['a b']\n"


def test_elsewhere_the_child_looks_for_its_parent(monkeypatch):
    monkeypatch.setattr(sys, "platform", "other")
    monkeypatch.setenv(PARENT, "1")  # not the parent of this process
    killed = []
    monkeypatch.setattr(child_processes.os, "kill", lambda *arguments: killed.append(arguments))
    end_with_parent()
    deadline = time.monotonic() + 10
    while not killed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert killed == [(os.getpid(), signal.SIGTERM)] and PARENT not in os.environ
