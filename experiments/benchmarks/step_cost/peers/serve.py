"""The worker's side of the conversation: requests on standard input, replies on standard output."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .task import Task, make_task


class Trainer(Protocol):
    """A contestant that trains on one task.

    With an attribute `stride` it takes steps only in multiples of that; default 1.
    """

    def advance(self, steps: int) -> None:
        """Take `steps` steps, and return when they are done."""

    def kernel(self) -> np.ndarray | None:
        """Return the end-to-end kernel (d, k) of the last run; None if it does not train."""


class Server:
    """Answers requests one at a time, and waits on its standard input between them.

    Args:
        entries: The contestants of this worker by name: each makes a `Trainer` of a `Task`.
    """

    def __init__(self, entries: Mapping[str, type]):
        self._entries = entries
        self._trainers: dict[str, tuple[Trainer, Task]] = {}
        self._idle_since = _clocks()

    def prepare(self, name: str, entry: str, task: dict[str, Any], steps: int) -> dict[str, Any]:
        """Build, compile, and take the first steps.

        Args:
            name: The name for later requests.
            entry: The contestant.
            task: Arguments of `make_task`.
            steps: Number of steps.

        Returns:
            The seconds that it took, and the losses before and after.
        """
        began = time.perf_counter()
        new_task = make_task(**task)
        trainer = self._entries[entry](new_task)
        self._trainers[name] = trainer, new_task
        start_loss = _loss(trainer, new_task)
        trainer.advance(steps)
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "start_loss": start_loss, "loss": _loss(trainer, new_task)}

    def burst(self, name: str, steps: int) -> dict[str, Any]:
        """Time steps, their number rounded up to the trainer's stride.

        Args:
            name: The name under which the contestant was prepared.
            steps: Number of steps.

        Returns:
            The steps taken, their seconds and processor seconds; the seconds since the last reply,
            and the processor seconds that this worker used meanwhile, although it should have been
            idle; and `finite`, False if the run has blown up: NaN is no measurement.
        """
        trainer, _ = self._trainers[name]
        stride = getattr(trainer, "stride", 1)
        steps = -(-steps // stride) * stride
        began = _clocks()
        trainer.advance(steps)
        seconds, processor_seconds = _clocks() - began
        idle_seconds, idle_processor_seconds = began - self._idle_since
        kernel = trainer.kernel()
        return {
            "steps": steps,
            "seconds": seconds,
            "processor_seconds": processor_seconds,
            "idle_seconds": idle_seconds,
            "idle_processor_seconds": idle_processor_seconds,
            "finite": kernel is None or bool(np.isfinite(kernel).all()),
        }

    def memory(self) -> dict[str, Any]:
        """Return the largest resident set so far, in bytes."""
        return {"peak_bytes": peak_bytes()}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the reply to `{"do": METHOD, ...}`; an exception becomes `{"error": ...}`."""
        try:
            reply = getattr(self, request.pop("do"))(**request)
        except Exception as error:
            first_line, *_ = f"{type(error).__name__}: {error}".splitlines()
            reply = {"error": first_line}
        self._idle_since = _clocks()
        return reply


def _clocks() -> np.ndarray:
    """Return seconds on the clock, and processor seconds of all threads."""
    return np.array([time.perf_counter(), time.process_time()])


def _loss(trainer: Trainer, task: Task) -> float | None:
    kernel = trainer.kernel()
    return None if kernel is None else task.loss(kernel)


def peak_bytes() -> int | None:
    """Return the largest resident set of this process so far; None where it is not known."""
    # Not getrusage: on Linux its maximum is inherited from the process that started this one.
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name == "VmHWM":
            kilobytes, _ = value.split()
            return int(kilobytes) * 1024
    return None


def serve(entries: Mapping[str, type], versions: Mapping[str, str]) -> None:
    """Report that the imports are done, then answer until standard input ends.

    Args:
        entries: See `Server`.
        versions: Version by library, for the report.
    """
    # Libraries may print: the conversation has a copy of standard output, and whatever they print
    # goes to standard error.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    server = Server(entries)
    print(json.dumps({"versions": versions, **server.memory()}), file=replies, flush=True)
    for line in sys.stdin:
        print(json.dumps(server.answer(json.loads(line))), file=replies, flush=True)
