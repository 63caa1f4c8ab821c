"""The parent's side of the conversation with a worker: start, ask, time out, end."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from experiments.benchmarks.step_cost.contestants import Threads

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]


class WorkerError(Exception):
    """A worker lacks its library, ended, is late, or refused; the message is one line."""


def peer_command(module: str) -> list[str]:
    """Return the command that starts a worker of the package `peers`."""
    return [sys.executable, "-m", f"peers.{module}"]


# What makes OpenMP, the BLAS libraries, TensorFlow and XLA (in JAX) compute with one thread.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "NPROC": "1",
}


def peer_environment(threads: Threads = "all") -> dict[str, str]:
    """Return an environment in which workers find `peers`, and the library without installing it.

    The folder of `peers` is on the path: no module beside it may have the name of another library.

    Args:
        threads: With how many threads libraries compute.
    """
    paths = [str(FOLDER), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **(ONE_THREAD if threads == "1" else {}),
    }


class Worker:
    """A process that answers one JSON line with another, and is killed if it takes too long.

    Args:
        command: How to start it; see `peer_command`.
        timeout: Seconds that it may take for its first line and for any answer.
        threads: With how many threads it computes.

    Attributes:
        hello: Its first line, which it sends when its imports are done.
        start_seconds: Seconds from the start of the process until then.

    Raises:
        WorkerError: If it does not start. It is then ended; every later `ask` raises the same.
    """

    def __init__(self, command: Sequence[str], timeout: float, threads: Threads = "all"):
        self._timeout = timeout
        self._error: str | None = None
        # A file and not a pipe: a pipe that nobody reads would fill up and block the worker.
        self._stderr = tempfile.TemporaryFile()
        began = time.monotonic()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=peer_environment(threads),
            text=True,
            encoding="utf-8",
        )
        self._replies: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.hello = self._receive()
        self.start_seconds = time.monotonic() - began

    def _listen(self) -> None:
        for line in self._process.stdout:
            self._replies.put(line)
        self._replies.put("")

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and wait for the reply.

        Args:
            do: The name of a method of `peers.serve.Server`.
            **arguments: Its arguments.

        Raises:
            WorkerError: If the worker has ended, is late (it is then killed), or replies with an
                error.
        """
        if self._error is not None:
            raise WorkerError(self._error)
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except OSError:
            self._give_up(self._last_words())
        reply = self._receive()
        if "error" in reply:
            raise WorkerError(reply["error"])
        return reply

    def _receive(self) -> dict[str, Any]:
        try:
            line = self._replies.get(timeout=self._timeout)
        except queue.Empty:
            self._give_up(f"no answer within {self._timeout:g} s")
        if not line:
            self._give_up(self._last_words())
        try:
            return json.loads(line)
        except ValueError:
            self._give_up(f"Expected JSON. Received: {line.strip()[:100]!r}")

    def steps_of_burst(self, name: str, seconds: float) -> int:
        """Return how many steps of a prepared entry fill a burst, by trying longer and longer ones.

        Args:
            name: The name under which the entry was prepared.
            seconds: Length of the burst.

        Raises:
            WorkerError: As `ask` does.
        """
        steps = 1
        while True:
            measured = self.ask("burst", name=name, steps=steps)["seconds"]
            if measured >= seconds / 4:
                return max(1, round(steps * seconds / measured))
            # At most tenfold at a time: the first call may be slower than all others.
            steps = int(steps * np.clip(seconds / max(measured, 1e-9), 2, 10))

    def _give_up(self, reason: str) -> NoReturn:
        self._error = reason
        self.close()
        raise WorkerError(reason) from None

    def _last_words(self) -> str:
        """Return the last line on standard error of a process that closed its standard output."""
        try:
            code: int | str = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = "none"
        self._stderr.seek(0)
        text = self._stderr.read().decode("utf-8", "replace")
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        return lines[-1] if lines else f"ended without a word, exit code {code}"

    def close(self) -> None:
        """End the process, by force; a second time does nothing."""
        self._error = self._error or "closed"
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for file in (self._process.stdin, self._process.stdout, self._stderr):
            with contextlib.suppress(OSError):  # a request that could not be sent any more
                file.close()


@dataclass(frozen=True)
class Launcher:
    """How workers are started, and how long they are waited for.

    Attributes:
        timeout: Seconds that a worker may take to start, and for any answer.
        command: Returns the command that starts the worker of a name; default `peer_command`.
        pause: Seconds before the first burst after one of another worker. Thread pools spin for a
            while after their last work, BLAS's for about 30 ms.
    """

    timeout: float
    command: Callable[[str], list[str]] = peer_command
    pause: float = 0.05

    def start(self, name: str, threads: Threads = "all") -> Worker:
        """Start a worker.

        Args:
            name: Its module of `peers`.
            threads: With how many threads it computes.

        Raises:
            WorkerError: If it does not start.
        """
        return Worker(self.command(name), self.timeout, threads)

    def rest(self) -> None:
        """Wait until the threads of the worker before have stopped spinning."""
        time.sleep(self.pause)
