r"""The main job: `optimizer_compare` at its defaults, written with our sweep, JAX and Keras.

Fifty runs of 600,000 steps and three of 60,000. Nobody waits for the peers, and a share of the
steps says enough: for JAX `vmap(scan)`, with the runs of a variant side by side, and for Keras
`fit`, run after run, the whole job is

    sum over variants of runs x steps x (seconds of a run-step).

They train without the biases that the job has, which is in their favour. Of our sweep the first
steps are run with everything that belongs to it: tracing, compiling, curves, and runs that leave
the stack. The steps that are left are taken at the speed of the last of them.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from experiments.benchmarks.step_cost.contest import write_data
from experiments.benchmarks.step_cost.contestants import RATES
from experiments.benchmarks.step_cost.status import MEASURED, Status, is_measured
from experiments.benchmarks.step_cost.worker_process import (
    Launcher,
    Worker,
    WorkerError,
    peer_environment,
)
from experiments.harness.results import Claim
from overparam_tf.datasets import Problem

OURS, VMAP, FIT = "sweep", "JAX vmap(scan)", "Keras fit"
# Worker, its entry, and whether the runs of a variant are trained side by side.
PEERS = {VMAP: ("with_jax", "vmap_scan", True), FIT: ("with_keras", "fit_repeated", False)}
COLUMNS = ["contestant", "status", "seconds", "measured_seconds"]
BURSTS = 3


class Stack(NamedTuple):
    """A variant of the job.

    Attributes:
        optimizer: Its optimizer, a key of `RATES`.
        depth: Number of factors.
        runs: Number of runs.
        steps: Steps of each.
    """

    optimizer: str
    depth: int
    runs: int
    steps: int


# The defaults of `optimizer_compare`; a test compares them.
JOB = (
    *(Stack("sgd", depth, 10, 600_000) for depth in (1, 2, 3)),
    Stack("adagrad", 1, 10, 600_000),
    Stack("adadelta", 1, 10, 600_000),
    *(Stack("adam", depth, 1, 60_000) for depth in (1, 2, 3)),
)


def measure_job(
    problem: Problem, share: float, seconds: float, launcher: Launcher
) -> list[dict[str, Any]]:
    """Return a row for our sweep and for each peer: the seconds of the whole job.

    Args:
        problem: The data.
        share: Share of the steps that our sweep takes, above 0 and at most 1.
        seconds: Length of a burst of a peer.
        launcher: How workers are started.
    """
    with tempfile.TemporaryDirectory() as folder:
        data = str(write_data(Path(folder, "data.npz"), problem))
        rows = [_row(OURS, _ours, data, share, launcher)]
        for label, peer in PEERS.items():
            rows.append(_row(label, _peer, *peer, data, seconds, launcher))
    return rows


def _row(
    label: str, measure: Callable[..., tuple[float, float]], *arguments: Any
) -> dict[str, Any]:
    """Return a row of job.csv, from the seconds of the whole job and those that were measured."""
    try:
        whole, measured = measure(*arguments)
    except WorkerError as error:
        status = str(Status.from_error(error))
        return dict(zip(COLUMNS, (label, status, np.nan, np.nan), strict=True))
    return dict(zip(COLUMNS, (label, str(MEASURED), whole, measured), strict=True))


def _ours(data: str, share: float, launcher: Launcher) -> tuple[float, float]:
    """Return the seconds of the whole job and those that were measured."""
    command = [*launcher.command("job"), data, str(share)]
    try:
        done = subprocess.run(
            command,
            env=peer_environment(),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=3600,
            check=True,
        )
        parts = json.loads(done.stdout.splitlines()[-1])["parts"]
    except (subprocess.SubprocessError, ValueError, KeyError, IndexError, TypeError) as error:
        raise WorkerError(f"no seconds of the job: {error}".splitlines()[0]) from None
    whole = sum(extrapolated(part["progress"], part["steps"]) for part in parts)
    measured = sum(part["progress"][-1][1] for part in parts)
    return whole, measured


def extrapolated(progress: Sequence[tuple[int, float]], steps: int) -> float:
    """Return the seconds of all steps, from those of the first: the rest at the last speed.

    The last speed is that of the second half of the steps taken.

    Args:
        progress: Pairs of steps done and seconds since the beginning, increasing.
        steps: All steps.

    Example:
        >>> extrapolated([(1, 3.0), (50, 4.0), (100, 5.0)], 200)
        7.0
        >>> extrapolated([(100, 5.0)], 100)
        5.0
    """
    done, seconds = progress[-1]
    if done >= steps:
        return float(seconds)
    earlier = [pair for pair in progress if pair[0] <= done / 2] or [(0, 0.0)]
    begun, before = earlier[-1]
    return float(seconds + (steps - done) * (seconds - before) / (done - begun))


def _peer(
    worker: str, entry: str, together: bool, data: str, seconds: float, launcher: Launcher
) -> tuple[float, float]:
    """Return the seconds of the whole job and those that were measured."""
    process = launcher.start(worker)
    try:
        costs = list(_stack_costs(process, entry, together, data, seconds))
    finally:
        process.close()
    pairs = zip(JOB, costs, strict=True)
    whole = sum(stack.runs * stack.steps * cost for stack, (cost, _) in pairs)
    return whole, sum(spent for _, spent in costs)


def _stack_costs(
    process: Worker, entry: str, together: bool, data: str, seconds: float
) -> Iterator[tuple[float, float]]:
    """Yield, for each variant, the seconds of a run-step and those that were measured."""
    for number, stack in enumerate(JOB):
        runs = stack.runs if together else 1
        task = {
            "data": data,
            "optimizer": stack.optimizer,
            "depth": stack.depth,
            "rate": RATES[stack.optimizer],
            "runs": runs,
        }
        name = f"job {number}"
        process.ask("prepare", name=name, entry=entry, task=task, steps=100)
        steps = process.steps_of_burst(name, seconds)
        bursts = [process.ask("burst", name=name, steps=steps) for _ in range(BURSTS)]
        if not all(burst["finite"] for burst in bursts):
            raise WorkerError(f"{stack.optimizer}, depth {stack.depth}: the run blew up")
        best = min(burst["seconds"] / (burst["steps"] * runs) for burst in bursts)
        yield best, sum(burst["seconds"] for burst in bursts)


def job_table(job: pd.DataFrame) -> pd.DataFrame:
    """Return the whole job of each contestant, in minutes and over ours; what it rests on."""
    (ours,) = job.loc[job["contestant"] == OURS, "seconds"]
    rest = np.where(job["measured_seconds"] < job["seconds"], "extrapolated", "none")
    return pd.DataFrame(
        {
            "contestant": job["contestant"],
            "whole job, minutes": job["seconds"] / 60,
            f"/ {OURS}": job["seconds"] / ours,
            "measured, seconds": job["measured_seconds"],
            "rest": job["status"].where(~is_measured(job), rest),
        }
    )


def job_claim(job: pd.DataFrame) -> Claim:
    """Return whether every peer takes longer for the main job than our sweep.

    Args:
        job: The content of job.csv.
    """
    text = "the main job takes our sweep less time than JAX vmap(scan) or Keras fit"
    seconds = job.dropna(subset="seconds").set_index("contestant")["seconds"]
    if OURS not in seconds or len(seconds) < 2:
        return Claim(text, None, "not both measured")
    numbers = "; ".join(f"{label}: {value / 60:,.1f} minutes" for label, value in seconds.items())
    held = bool((seconds.drop(OURS) > seconds[OURS]).all())
    return Claim(text, held, f"{numbers} (extrapolated from a share)")
