"""`python -m experiments.board` in a process of its own, as a user starts and ends it."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
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
