"""One run of gradient descent on factors, followed to its end or its blow-up: curve, snapshots, the last steps.

Snapshots hold what decides stability (`experiments.sharpness`) and what the theory conserves: the balance of the
factors.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd

from overparam_tf.datasets import Problem
from overparam_tf.dynamics import balance_defect
from overparam_tf.dynamics.sharpness import sharpness
from overparam_tf.losses import LpLoss
from overparam_tf.runlog import ProgressReport
from overparam_tf.sweep import Progress, Variant, record_steps
from overparam_tf.sweep.recorded_run import MAX_STEPS_PER_CALL, RecordedDescent

# Steps kept one by one before the end, to see a blow-up from the crossing on; and every how many of them the Hessian is
# taken, at two successive ones: weights that swing to and fro have another sharpness on either side.
TAIL, TAIL_STRIDE = 8192, 64
# The cap: the rate is kept below this over the sharpness, which is measured so many times over the run.
CAP, CAP_CHECKS = 1.8, 200
P = 4


@dataclass(frozen=True)
class Method:
    """A depth and a plain Keras optimizer; `capped` lowers its rate to `CAP` / sharpness between calls."""

    name: str
    depth: int
    optimizer: keras.Optimizer
    capped: bool = False


@dataclass(frozen=True)
class Plan:
    """What the runs have in common.

    Attributes:
        problem: the data, one output.
        steps: number of steps.
        snapshots: how many times over the run the Hessian is taken.
        initial_factors: how the factors start: see `Variant`.
        seed: their seed.
        dtype: `"float32"` or `"float64"`.
        quiet: no progress.
    """

    problem: Problem
    steps: int
    snapshots: int
    initial_factors: str
    seed: int
    dtype: str
    quiet: bool


class Followed(NamedTuple):
    """A run's row of results.csv, its snapshots (trace.csv), and its curve and last steps (curves.npz)."""

    row: dict
    trace: pd.DataFrame
    arrays: dict[str, np.ndarray]


@dataclass
class _Record:
    """What is kept of the steps: the recorded losses, the snapshots' factors, the last steps one by one.

    Attributes:
        plan: says which.
        step: of the next step its number.
        diverged_at: the first step without a finite loss.
        squared_steps: the sum over the steps so far of |theta(t+1) - theta(t)|^2, theta all entries of all factors.
    """

    plan: Plan
    step: int = 0
    diverged_at: int | None = None
    squared_steps: float = 0.0
    curve: list[tuple[int, float]] = field(default_factory=list)
    snapshots: dict[int, tuple] = field(default_factory=dict)
    tail: deque = field(default_factory=lambda: deque(maxlen=-(-TAIL // MAX_STEPS_PER_CALL) + 1))

    def __post_init__(self):
        self._recorded = record_steps(self.plan.steps)
        self._wanted = np.linspace(0, self.plan.steps, self.plan.snapshots + 1).astype(int)
        self._before: np.ndarray | None = None

    def add(self, losses: np.ndarray, entries: np.ndarray) -> int:
        """Takes up a call's losses and factors before each step; returns how many of the losses are finite."""
        finite, step = np.isfinite(losses), self.step
        alive = len(losses) if finite.all() else int(finite.argmin())
        self.diverged_at = None if alive == len(losses) else step + alive
        squares = self._squares(entries[:alive])
        now, seen = (
            some[(some >= step) & (some < step + alive)] for some in (self._recorded, self._wanted)
        )
        self.curve += zip(now, losses[now - step], strict=True)
        self.snapshots |= {
            at: (losses[at - step], entries[at - step], squares[at - step]) for at in seen.tolist()
        }
        self.tail.append((np.arange(step, step + alive), losses[:alive], entries[:alive], squares))
        self.step += len(losses)
        return alive

    def _squares(self, entries: np.ndarray) -> np.ndarray:
        """`squared_steps` before each step of a call."""
        values = entries.astype(np.float64)
        if self._before is None:
            self._before = values[:1]
        moved = np.diff(np.concatenate([self._before, values]), axis=0)
        with np.errstate(over="ignore"):  # the last steps of a blow-up
            squares = self.squared_steps + np.cumsum(np.sum(moved**2, axis=1))
        if len(values):
            self._before, self.squared_steps = values[-1:], float(squares[-1])
        return squares

    def last(self) -> list[np.ndarray]:
        """Numbers, losses, entries and squared steps of the last steps."""
        return [np.concatenate(parts)[-TAIL:] for parts in zip(*self.tail, strict=True)]


def follow(plan: Plan, method: Method) -> Followed:
    """Trains by one method; a blow-up is kept step by step."""
    variant = Variant(
        method.name, depth=method.depth, seeds=(plan.seed,), initial_factors=plan.initial_factors
    )
    descent = RecordedDescent(plan.problem, variant, method.optimizer, LpLoss(P), plan.dtype)
    record, rates = _train(plan, method, descent)
    last, finished = record.last(), record.diverged_at is None
    if not finished:
        record.snapshots |= {
            int(at): some for at, *some in zip(*last, strict=True) if at % TAIL_STRIDE < 2
        }
    trace = pd.DataFrame(
        _measured(
            method, descent, plan.problem, at, *record.snapshots[at], _rate_at(method, rates, at)
        )
        for at in sorted(record.snapshots)
    )
    at, losses = (np.array(values) for values in zip(*record.curve, strict=True))
    arrays = {"steps": at, "losses": losses}
    if not finished:
        arrays |= _last_steps(descent, plan.problem, *last[:3], trace)
    row = {
        "method": method.name,
        "depth": method.depth,
        "status": "finished" if finished else "diverged",
        "steps": plan.steps if finished else record.diverged_at,
        "crossed_at": crossing(trace),
        "loss_at_third": np.interp(plan.steps // 3, at, losses, right=np.nan),
        "final_loss": losses[-1] if finished else np.nan,
    }
    return Followed(row, trace, arrays)


def _train(
    plan: Plan, method: Method, descent: RecordedDescent
) -> tuple[_Record, dict[int, float]]:
    """All steps, or those to the first loss that is not finite; and the rate at the begin of each call."""
    most = min(
        max(plan.steps // CAP_CHECKS, 1) if method.capped else MAX_STEPS_PER_CALL,
        MAX_STEPS_PER_CALL,
    )
    record, rates, highest = _Record(plan), {}, float(np.asarray(method.optimizer.learning_rate))
    began = time.monotonic()
    with ProgressReport(f"late_divergence, {method.name}", plan.quiet) as progress:
        while record.step <= plan.steps and record.diverged_at is None:
            # The factors after the last step are the entries before one more.
            size = min(most, plan.steps + 1 - record.step)
            rates[record.step] = float(np.asarray(method.optimizer.learning_rate))
            losses, entries = descent.advance(size)
            alive = record.add(losses, entries)
            if method.capped and record.diverged_at is None:
                found = sharpness(descent.factors(entries[-1]), plan.problem.x, plan.problem.y, P)
                method.optimizer.learning_rate = min(highest, CAP / found.value)
            done, last = min(record.step, plan.steps), float(losses[alive - 1]) if alive else np.nan
            progress(
                Progress(done, plan.steps, time.monotonic() - began, {method.name: last}, done)
            )
    return record, rates


def _rate_at(method: Method, rates: dict[int, float], step: int) -> float:
    """The rate of one step: a schedule's own, or what it was set to when the call began."""
    schedule = method.optimizer._learning_rate
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return float(np.asarray(schedule(step)))
    return rates[max(begin for begin in rates if begin <= step)]


def _measured(
    method, descent, problem, step, loss, entries, squared_steps, rate
) -> dict[str, float]:
    """A snapshot's row of trace.csv."""
    factors = descent.factors(entries.astype(np.float64))
    found = sharpness(factors, problem.x, problem.y, P)
    defect = balance_defect(factors)
    norm = float(
        np.linalg.norm(factors[0]) * abs(np.prod([factor.item() for factor in factors[1:]]))
    )
    return {
        "method": method.name,
        "step": step,
        "loss": loss,
        "rate": rate,
        "threshold": 2 / rate if rate > 0 else np.inf,
        "sharpness": found.value,
        "norm": norm,
        "effective_rate": norm ** (2 - 2 / method.depth),
        "curvature": found.curvature,
        "balance_defect": float(defect.relative),
        "absolute_defect": float(defect.absolute),
        "squared_steps": squared_steps,
    }


def crossing(trace: pd.DataFrame) -> float | None:
    """The step, by linear interpolation between snapshots, at which sharpness / threshold first rises through 1."""
    quotient = (trace["sharpness"] / trace["threshold"]).to_numpy()
    steps = trace["step"].to_numpy()
    rises = np.flatnonzero((quotient[:-1] < 1) & (quotient[1:] >= 1))
    if not rises.size:
        return None
    i = rises[0]
    return float(
        steps[i] + (1 - quotient[i]) / (quotient[i + 1] - quotient[i]) * (steps[i + 1] - steps[i])
    )


def _last_steps(descent, problem, at, losses, entries, trace) -> dict[str, np.ndarray]:
    """Loss and oscillation along the top eigenvector (at the crossing) over the last steps before a blow-up."""
    crossed = crossing(trace)
    begin = 0 if crossed is None else int(np.clip(crossed - at[0], 0, len(at) - 1))
    direction = sharpness(
        descent.factors(entries[begin].astype(np.float64)), problem.x, problem.y, P
    ).direction
    along = entries.astype(np.float64) @ direction
    # What alternates from step to step, the drift taken out.
    swing = np.abs(along[2:] - 2 * along[1:-1] + along[:-2]) / 4
    return {"tail_steps": at[1:-1], "tail_losses": losses[1:-1], "swing": swing}
