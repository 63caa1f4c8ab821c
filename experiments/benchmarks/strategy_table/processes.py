"""A strategy in separate processes: one, or several workers on this machine."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import subprocess
import sys

from experiments.benchmarks.strategy_table.cases import Case, Result

LIMIT = 600  # seconds for a strategy


def write_line(case: Case, result: Result) -> str:
    """Return a case and its result as a line of JSON."""
    return json.dumps({"case": dataclasses.asdict(case), "result": dataclasses.asdict(result)})


def read_line(line: str) -> tuple[Case, Result]:
    """Return what `write_line` wrote.

    Example:
        >>> case, result = read_line(write_line(Case("fit", False, 10), Result(error="ValueError")))
        >>> case.loop, case.steps_per_call, result.error
        ('fit', 10, 'ValueError')
    """
    content = json.loads(line)
    return Case(**content["case"]), Result(**content["result"])


def measure_in_processes(devices: int, workers: int) -> dict[Case, Result]:
    """Return the results of `measure` in new processes, as the first worker reports them.

    A case after which the processes hang or end is missing, and so are all later ones.

    Args:
        devices: Number of logical CPUs of each process.
        workers: Number of processes.
    """
    command = [sys.executable, "-m", "experiments.benchmarks.strategy_table"]
    command += ["--measure", str(devices)]
    with contextlib.ExitStack() as stack:
        processes = []
        for environment in _environments(workers):
            process = subprocess.Popen(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            stack.callback(_end, process)
            processes.append(process)
        first = processes[0]
        try:
            output, _ = first.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            first.kill()
            output, _ = first.communicate()
    return dict(map(read_line, output.splitlines()))


def _environments(workers: int) -> list[dict[str, str]]:
    """Return the environment of each worker; several find each other by `TF_CONFIG`."""
    if workers == 1:
        return [dict(os.environ)]
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(workers)]
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    environments = []
    for index in range(workers):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": addresses}, "task": task})
        environments.append({**os.environ, "TF_CONFIG": config})
    return environments


def _end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
