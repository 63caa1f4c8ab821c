"""TensorBoard in a process of its own, as a user starts and ends it: the board, and plain."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[3]


@contextlib.contextmanager
def board(logdir, *options):
    """Yield the addresses that it prints, by title; then Ctrl-C ends it with exit code 0."""
    command = [
        sys.executable,
        "-m",
        "experiments.board",
        "--logdir",
        str(logdir),
        "--port",
        "0",
        *options,
    ]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            addresses = {}
            for line in process.stdout:
                if line.startswith("Ctrl-C"):
                    break
                title, _, address = re.sub(" {2,}", "\n", line.strip(), count=1).partition("\n")
                addresses[title] = address
            yield addresses
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0, process.stderr.read()
        finally:
            process.kill()


@contextlib.contextmanager
def tensorboard(logdir):
    """Yield the address of plain `tensorboard --logdir LOGDIR`, as any user starts it."""
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir)]
    command += ["--host", "localhost", "--port", str(port)]
    silence = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, **silence) as process:
        try:
            address, end = f"http://localhost:{port}/", time.monotonic() + 120
            while True:
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}data/runs"):
                    break
                assert process.poll() is None and time.monotonic() < end
                time.sleep(0.5)
            yield address
        finally:
            process.terminate()
