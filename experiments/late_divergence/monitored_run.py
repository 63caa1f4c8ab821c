"""One run of gradient descent on factors, with its stability measured up to its end or blow-up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from experiments.late_divergence.oscillation import swing_along
from experiments.late_divergence.saved_method import SavedMethod
from experiments.late_divergence.stability import P, crossing_step, stability_row
from experiments.late_divergence.step_recorder import StepRecorder, Steps
from overparam_tf.datasets import Problem
from overparam_tf.dynamics import sharpness
from overparam_tf.losses import LpLoss
from overparam_tf.runlog import LiveCurves, ProgressReport
from overparam_tf.stopping import deferred
from overparam_tf.sweep import Progress, RecordedRun, Variant
from overparam_tf.sweep.engine import MAX_STEPS_PER_CALL

# A capped rate is kept below CAP over the sharpness, which is measured this often over the run.
CAP, CAP_CHECKS = 1.8, 200


@dataclass(frozen=True)
class Method:
    """A depth and a way to set the rate, or to limit the step.

    Attributes:
        name: Its name in tables and figures.
        depth: Number of factors.
        rate: The learning rate, or a schedule of it.
        clip: Largest norm of the gradient in all factors together; default None, no limit.
        capped: Whether the rate is lowered to `CAP` / sharpness between calls of the compiled loop;
            needs a constant rate.
    """

    name: str
    depth: int
    rate: float | keras.optimizers.schedules.LearningRateSchedule
    clip: float | None = None
    capped: bool = False


@dataclass(frozen=True)
class Plan:
    """The settings that all runs share.

    Attributes:
        problem: The data, one output.
        steps: Number of steps.
        snapshots: How many times over the run the Hessian is taken.
        initial_factors: How the factors start: see `Variant`.
        seed: Their seed.
        dtype: `"float32"` or `"float64"`.
        quiet: Whether to show no progress.
    """

    problem: Problem
    steps: int
    snapshots: int
    initial_factors: str
    seed: int
    dtype: str
    quiet: bool


class RunTables(NamedTuple):
    """The record of a run.

    Attributes:
        row: Its row of results.csv.
        trace: Its snapshots, for trace.csv.
        arrays: Its curve, and of a run that diverged its last steps, for curves.npz.
    """

    row: dict[str, Any]
    trace: pd.DataFrame
    arrays: dict[str, np.ndarray]


def train_monitored(
    plan: Plan, method: Method, curves: LiveCurves | None, saved: SavedMethod
) -> RunTables:
    """Train by one method, to the end or to the first loss that is not finite.

    A run that ends above ten times the loss of the zero kernel has diverged too.

    Args:
        plan: The settings that all runs share.
        method: The method.
        curves: Where the loss is written while it trains; None for nowhere.
        saved: Its checkpoints; it begins at the newest of them.

    Raises:
        KeyboardInterrupt: If a stop signal came; the state is saved.
    """
    variant = Variant(
        method.name, depth=method.depth, seeds=(plan.seed,), initial_factors=plan.initial_factors
    )
    optimizer = keras.optimizers.SGD(method.rate, global_clipnorm=method.clip)
    descent = RecordedRun(plan.problem, variant, optimizer, LpLoss(P), plan.dtype)
    recorder, rates = _train(plan, method, descent, curves, saved)
    trace = _trace(plan, method, descent, recorder.snapshots(), rates)
    steps, losses = recorder.curve()
    arrays = {"steps": steps, "losses": losses}
    finished = recorder.diverged_at is None
    if not finished:
        arrays |= _blow_up(plan.problem, descent, recorder.last_steps(), trace)
    row = {
        "method": method.name,
        "depth": method.depth,
        "status": "finished" if finished else "diverged",
        "steps": plan.steps if finished else recorder.diverged_at,
        "crossed_at": crossing_step(trace),
        "loss_at_third": np.interp(plan.steps // 3, steps, losses, right=np.nan),
        "final_loss": losses[-1] if finished else np.nan,
    }
    return RunTables(row, trace, arrays)


def _train(
    plan: Plan, method: Method, descent: RecordedRun, curves: LiveCurves | None, saved: SavedMethod
) -> tuple[StepRecorder, dict[int, float]]:
    """Return the recorded steps, and the rate of each compiled call by the call's first step."""
    recorder = StepRecorder(plan.steps, plan.snapshots, float(np.mean(plan.problem.y**P)) / P)
    rates: dict[int, float] = {}
    highest_rate = float(np.asarray(descent.optimizer.learning_rate))
    saved.restore(descent, recorder, rates)
    first, start = recorder.next_step, time.monotonic()
    with (
        ProgressReport(f"late_divergence, {method.name}", plan.quiet) as progress,
        deferred() as stop,
    ):
        while recorder.next_step <= plan.steps and recorder.diverged_at is None:
            if stop.signal and recorder.next_step > first:
                saved.save(descent, recorder, rates, now=True)
                raise KeyboardInterrupt
            last_loss = _advance(plan, method, descent, recorder, rates, highest_rate)
            if curves is not None:
                curves.add(method.name, "loss", *recorder.curve())
                curves.flush()
            done, seconds = min(recorder.next_step, plan.steps), time.monotonic() - start
            progress(Progress(done, plan.steps, seconds, {method.name: last_loss}, done - first))
            if recorder.diverged_at is None:
                saved.save(descent, recorder, rates)
    recorder.mark_blow_up()
    return recorder, rates


def _advance(
    plan: Plan,
    method: Method,
    descent: RecordedRun,
    recorder: StepRecorder,
    rates: dict[int, float],
    highest_rate: float,
) -> float:
    """Take the steps of one compiled call, record them, and return their last loss."""
    steps_per_call = MAX_STEPS_PER_CALL
    if method.capped:
        steps_per_call = min(max(plan.steps // CAP_CHECKS, 1), MAX_STEPS_PER_CALL)
    optimizer = descent.optimizer
    # The factors after the last step are the entries before one more.
    size = min(steps_per_call, plan.steps + 1 - recorder.next_step)
    rates[recorder.next_step] = float(np.asarray(optimizer.learning_rate))
    losses, entries = descent.advance(size)
    alive = recorder.add(losses, entries)
    if method.capped and recorder.diverged_at is None:
        factors = descent.factors(entries[-1])
        point = sharpness(factors, plan.problem.x, plan.problem.y, P)
        optimizer.learning_rate = min(highest_rate, CAP / point.value)
    return float(losses[alive - 1]) if alive else np.nan


def _trace(
    plan: Plan, method: Method, descent: RecordedRun, snapshots: Steps, rates: dict[int, float]
) -> pd.DataFrame:
    """Return the rows of trace.csv: the stability at every snapshot."""
    rows = []
    for number, loss, entries, squared_steps in zip(*snapshots, strict=True):
        factors = descent.factors(entries.astype(np.float64))
        rate = _rate_at(method, rates, int(number))
        row = {"method": method.name, "step": int(number), "loss": loss}
        row |= stability_row(plan.problem, factors, rate)
        rows.append({**row, "squared_steps": squared_steps})
    return pd.DataFrame(rows)


def _rate_at(method: Method, rates: dict[int, float], step: int) -> float:
    """Return the rate of a step: the schedule's, or that of the call in which it was taken."""
    if isinstance(method.rate, keras.optimizers.schedules.LearningRateSchedule):
        return float(np.asarray(method.rate(step)))
    return rates[max(first for first in rates if first <= step)]


def _blow_up(
    problem: Problem, descent: RecordedRun, last: Steps, trace: pd.DataFrame
) -> dict[str, np.ndarray]:
    """Return losses and swing of the last steps, along the top eigenvector at the crossing."""
    crossed_at, first = crossing_step(trace), last.numbers[0]
    index = 0
    if crossed_at is not None:
        index = int(np.clip(crossed_at - first, 0, len(last.numbers) - 1))
    factors = descent.factors(last.entries[index].astype(np.float64))
    direction = sharpness(factors, problem.x, problem.y, P).direction
    return {
        "tail_steps": last.numbers[1:-1],
        "tail_losses": last.losses[1:-1],
        "swing": swing_along(last.entries, direction),
    }
