"""The parent's side of the conversation with a worker of `experiments.peers`: start, ask, time out, bury."""

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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent


class WorkerError(Exception):
    """A worker is missing its library, has died, is late, or refused; in one line."""


def peer_command(module: str) -> list[str]:
    """The command that starts a worker of `experiments.peers`."""
    return [sys.executable, "-m", f"peers.{module}"]


def peer_environment() -> dict[str, str]:
    """Environment in which the workers find `peers`, and the library without being installed."""
    paths = [str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


class Worker:
    """A process that answers one JSON line with another, and is killed if it takes too long.

    Args:
        command: how to start it; see `peer_command`.
        timeout: seconds that it may take for its first line and for any answer.

    Attributes:
        hello: its first line, which it sends when its imports are done.
        start_seconds: from the start of the process until then.

    Raises:
        WorkerError: if it does not come up. From then on it is gone; every later `ask` says why again.
    """

    def __init__(self, command: Sequence[str], timeout: float):
        self._timeout, self._error = timeout, None
        # A file and not a pipe: a pipe that nobody reads would fill up and block a talkative library.
        self._notes = tempfile.TemporaryFile()
        began = time.monotonic()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._notes,
            env=peer_environment(),
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
        """Sends a request and waits for the reply.

        Raises:
            WorkerError: if the worker is dead, dies, is late (it is then killed), or replies with an error.
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
        try:
            return json.loads(line)
        except ValueError:
            self._give_up(
                self._last_words()
                if not line
                else f"expected JSON, received {line.strip()[:100]!r}"
            )

    def steps_of_burst(self, name: str, seconds: float) -> int:
        """How many steps of a prepared entry take so many seconds, found by bursts of more and more.

        Raises:
            WorkerError: as `ask` does.
        """
        steps = 1
        while (took := self.ask("burst", name=name, steps=steps)["seconds"]) < seconds / 4:
            # At most tenfold at a time: the first call may be slower than all others.
            steps = int(steps * np.clip(seconds / max(took, 1e-9), 2, 10))
        return max(1, round(steps * seconds / took))

    def _give_up(self, reason: str) -> None:
        self._error = reason
        self.close()
        raise WorkerError(reason) from None

    def _last_words(self) -> str:
        """The last line on standard error of a process that has closed its standard output."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = "none"
        self._notes.seek(0)
        lines = self._notes.read().decode("utf-8", "replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return said[-1] if said else f"ended without a word, exit code {code}"

    def close(self) -> None:
        """Ends the process, by force; a second time does nothing."""
        self._error = self._error or "closed"
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for file in (self._process.stdin, self._process.stdout, self._notes):
            with contextlib.suppress(OSError):  # a request that could not be sent any more
                file.close()
