"""The start-up of `optimizer_compare`: import, trace, compile, and a step of each of its parts."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from experiments.benchmarks.step_cost.contest import write_data
from experiments.benchmarks.step_cost.worker_process import Launcher, peer_environment
from overparam_tf.datasets import Problem


def measure_start_up(problem: Problem, times: int, launcher: Launcher) -> list[float]:
    """Return the seconds of a process from its start to its end; an empty list if it fails.

    Args:
        problem: The data.
        times: How often to measure.
        launcher: How the process `peers.start_up` is started.
    """
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        data = write_data(Path(folder, "data.npz"), problem)
        command = [*launcher.command("start_up"), str(data)]
        for _ in range(times):
            began = time.monotonic()
            try:
                subprocess.run(
                    command,
                    env=peer_environment(),
                    capture_output=True,
                    timeout=launcher.timeout,
                    check=True,
                )
            except subprocess.SubprocessError as error:
                print(f"step_cost: start-up not measured: {error}", file=sys.stderr)
                return []
            seconds.append(time.monotonic() - began)
    return seconds
