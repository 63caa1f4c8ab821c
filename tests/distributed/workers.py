"""Worker processes of a cluster on this machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT = 200  # seconds


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def ended(command, count, folder, environment):
    """Start workers and wait for all of them.

    Returns:
        Their exit codes, their outputs, and the seconds from the first end to the last.
    """
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(count)]}
    logs = [folder / f"{index}.log" for index in range(count)]
    processes, ends = [], {}
    for index, path in enumerate(logs):
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        with path.open("wb") as log:
            every = {**os.environ, **environment, "TF_CONFIG": config}
            processes.append(subprocess.Popen(command, cwd=ROOT, env=every, stdout=log, stderr=log))
    try:
        deadline = time.monotonic() + LIMIT
        while len(ends) < count and time.monotonic() < deadline:
            time.sleep(0.05)
            for process in processes:
                if process.poll() is not None:
                    ends.setdefault(process.pid, time.monotonic())
    finally:
        for process in processes:
            process.kill()
            process.wait()
    seconds = max(ends.values()) - min(ends.values()) if ends else LIMIT
    return (
        [process.returncode for process in processes],
        [path.read_text() for path in logs],
        seconds,
    )
