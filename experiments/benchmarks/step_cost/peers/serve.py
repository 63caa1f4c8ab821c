"""The worker's side of the conversation: a request a line on standard input, a reply a line on standard output."""

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
    """A contestant at work on one task. Attribute `stride`: it takes steps in multiples of this many (default 1)."""

    def advance(self, steps: int) -> None:
        """Takes `steps` steps, and returns when they are done."""

    def kernel(self) -> np.ndarray | None:
        """The end-to-end kernel (d, k) of the last run; None if it does not train (a limit)."""


class Server:
    """Answers requests, one at a time; idle, and blocked on its standard input, between them.

    Args:
        entries: the contestants that this worker knows, by name: each makes a `Trainer` of a `Task`.
    """

    def __init__(self, entries: Mapping[str, type]):
        self._entries = entries
        self._trainers: dict[str, tuple[Trainer, Task]] = {}
        self._idle_since = _clocks()

    def prepare(self, name: str, entry: str, task: dict[str, Any], steps: int) -> dict[str, Any]:
        """Builds, compiles, and takes `steps` steps from the start; replies with the losses before and after."""
        began = time.perf_counter()
        given = make_task(**task)
        trainer = self._entries[entry](given)
        self._trainers[name] = trainer, given
        first = _loss(trainer, given)
        trainer.advance(steps)
        return {
            "seconds": time.perf_counter() - began,
            "start_loss": first,
            "loss": _loss(trainer, given),
        }

    def burst(self, name: str, steps: int) -> dict[str, Any]:
        """Times some steps (rounded up to the trainer's stride), by the clock and in processor time.

        Replies also with the time since the last reply and the processor time that this worker took in it, though it
        should have been idle, and with False for `finite` if the run has blown up: NaN is no measurement.
        """
        trainer, _ = self._trainers[name]
        stride = getattr(trainer, "stride", 1)
        steps = -(-steps // stride) * stride
        began = _clocks()
        trainer.advance(steps)
        (waited, spun), (seconds, processor) = began - self._idle_since, _clocks() - began
        kernel = trainer.kernel()
        return {
            "steps": steps,
            "seconds": seconds,
            "processor_seconds": processor,
            "idle_seconds": waited,
            "idle_processor_seconds": spun,
            "finite": kernel is None or bool(np.isfinite(kernel).all()),
        }

    def memory(self) -> dict[str, Any]:
        """The largest resident set so far, in bytes."""
        return {"peak_bytes": peak_bytes()}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to one request, `{"do": METHOD, ...}`; an exception becomes `{"error": ...}`."""
        try:
            reply = getattr(self, request.pop("do"))(**request)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        self._idle_since = _clocks()
        return reply


def _clocks() -> np.ndarray:
    """Seconds on the clock, and of processor time of all threads."""
    return np.array([time.perf_counter(), time.process_time()])


def _loss(trainer: Trainer, task: Task) -> float | None:
    kernel = trainer.kernel()
    return None if kernel is None else task.loss(kernel)


def peak_bytes() -> int | None:
    """The largest resident set of this process so far; None where the system does not tell."""
    # Not getrusage: on Linux its maximum is inherited from the process that started this one.
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def serve(entries: Mapping[str, type], versions: Mapping[str, str]) -> None:
    """Says that the imports are done, then answers until standard input ends."""
    # Libraries may print. What they print goes to standard error, the conversation to a copy of standard output.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    server = Server(entries)
    print(json.dumps({"versions": versions, **server.memory()}), file=replies, flush=True)
    for line in sys.stdin:
        print(json.dumps(server.answer(json.loads(line))), file=replies, flush=True)
