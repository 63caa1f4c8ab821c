"""TensorBoard in a process of its own, as a user starts and ends it: the board, and plain."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import tempfile
import time
import urllib.request
from pathlib import Path

from tests.processes import start

LIMIT = 120  # seconds


@contextlib.contextmanager
def board(logdir, *options):
    """Yield the addresses that it prints, by title; then Ctrl-C ends it with exit code 0."""
    with tempfile.TemporaryDirectory() as folder:
        output, errors = (Path(folder) / name for name in ("output", "errors"))
        arguments = ["--logdir", str(logdir), "--port", "0", *options]
        process = start("experiments.board", arguments, {}, output, errors)
        try:
            yield addresses_in(lines_of(process, output))
            os.kill(process.pid, signal.SIGINT)
            process.join(20)
            assert process.exitcode == 0, errors.read_text()
        finally:
            process.kill()
            process.join()


def lines_of(process, output):
    """Return what the board prints, once it serves."""
    end = time.monotonic() + LIMIT
    while not output.exists() or "\nCtrl-C" not in output.read_text():
        assert process.is_alive() and time.monotonic() < end
        time.sleep(0.1)
    return output.read_text().splitlines()


def addresses_in(lines):
    """Return the addresses of such lines, by title."""
    parts = (re.split(" {2,}", line.strip(), maxsplit=1) for line in lines)
    return {title: address for title, *addresses in parts for address in addresses}


@contextlib.contextmanager
def tensorboard(logdir):
    """Yield the address of plain `tensorboard --logdir LOGDIR`, as any user starts it."""
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    arguments = ["--logdir", str(logdir), "--host", "localhost", "--port", str(port)]
    process = start("tensorboard.main", arguments, {}, Path(os.devnull))
    try:
        address, end = f"http://localhost:{port}/", time.monotonic() + LIMIT
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}data/runs"):
                break
            assert process.is_alive() and time.monotonic() < end
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.join()
