"""Workers that speak the protocol of the step-cost benchmark and measure nothing."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

from experiments.benchmarks.step_cost import experiment as step_cost
from experiments.benchmarks.step_cost.experiment import Config
from experiments.benchmarks.step_cost.worker_process import Launcher
from experiments.harness.command_line import Experiment

# A step takes 1 ms, ten times as much in the worker
# `with_torch`. `with_jax` is not installed, and `with_numba` dies in its second burst.
FAKE = """
import json, sys
name, bursts = sys.argv[1], 0
if name == "with_jax":
    sys.exit("ModuleNotFoundError: No module named 'jax'")
print(json.dumps({"versions": {name: "1"}, "peak_bytes": 100}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "prepare":
        rows = request["task"]["data"]
        size = rows["rows"] if isinstance(rows, dict) else 1
        loss = None if request["entry"] == "products" else 1.0
        reply = {"seconds": 0.1, "start_loss": 2.0, "loss": loss}
    elif request["do"] == "burst":
        bursts += 1
        if name == "with_numba" and bursts > 1:
            sys.exit("Segmentation fault")
        seconds = 1e-3 * request["steps"] * (10 if name == "with_torch" else 1)
        reply = {"steps": request["steps"], "seconds": seconds, "processor_seconds": seconds}
        reply |= {"finite": True, "idle_seconds": 1.0, "idle_processor_seconds": 0.001}
    else:
        reply = {"peak_bytes": 100 + size}
    print(json.dumps(reply), flush=True)
"""


def with_workers(command: Callable[[str], list[str]]) -> Experiment:
    """Return the experiment with other workers.

    Args:
        command: The command of a worker by its name.
    """
    launcher = Launcher(timeout=60, command=command, pause=0.0)
    run = functools.partial(step_cost.run, launcher=launcher)
    return Experiment("step_cost", Config, run, step_cost.draw)


def fake_command(name: str) -> list[str]:
    """Return the command of a worker that measures nothing."""
    if name == "start_up":
        return [sys.executable, "-c", ""]
    return [sys.executable, "-c", FAKE, name]
