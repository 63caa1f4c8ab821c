"""Worker processes of a cluster on this machine."""

from __future__ import annotations

import json
import socket
import time
from multiprocessing.connection import wait

from tests.processes import start

LIMIT = 200  # seconds


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def ended(module, arguments, count, folder, environment):
    """Start workers that run a module, and wait for all of them.

    Returns:
        Their exit codes, their outputs, and the seconds from the first end to the last.
    """
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(count)]}
    logs = [folder / f"{index}.log" for index in range(count)]
    processes, ends = [], []
    for index, path in enumerate(logs):
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        path.unlink(missing_ok=True)
        every = {**environment, "TF_CONFIG": config}
        processes.append(start(module, arguments, every, path))
    try:
        deadline = time.monotonic() + LIMIT
        waiting = [process.sentinel for process in processes]
        while waiting and time.monotonic() < deadline:
            for sentinel in wait(waiting, timeout=1):
                waiting.remove(sentinel)
                ends.append(time.monotonic())
    finally:
        for process in processes:
            process.kill()
            process.join()
    seconds = max(ends) - min(ends) if ends else LIMIT
    return (
        [process.exitcode for process in processes],
        [path.read_text() for path in logs],
        seconds,
    )
