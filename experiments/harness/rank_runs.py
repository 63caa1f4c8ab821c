"""Runs that are followed until the data are fitted: losses, errors on held-out labels, spectra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam_tf.callbacks import effective_rank
from overparam_tf.datasets import Problem
from overparam_tf.sweep.engine import MAX_STEPS_PER_CALL, Engine
from overparam_tf.sweep.recorder import NEVER
from overparam_tf.sweep.stacks import Stack

# Singular values that a run folder keeps, the largest ones.
KEPT_VALUES = 12
# Points of a curve in a decade of steps, from the first decade that has so many.
POINTS_PER_DECADE = 24


@dataclass(frozen=True)
class FollowedRuns:
    """The records of R runs that were trained together.

    Attributes:
        steps: Recorded steps, shape (S,).
        losses: Mean squared error over what is observed, shape (S, R).
        errors: Mean squared error over what is held out, shape (S, R).
        ranks: Effective ranks of the kernels, shape (S, R).
        singular_values: Those of the kernels, falling, shape (S, R, min(d, k)).
        fitted_at: The first step whose loss is at or below the target, or NEVER; shape (R,).
        diverged: Whether a loss was not finite, shape (R,).
    """

    steps: np.ndarray
    losses: np.ndarray
    errors: np.ndarray
    ranks: np.ndarray
    singular_values: np.ndarray
    fitted_at: np.ndarray
    diverged: np.ndarray

    def status(self, run: int) -> str:
        """Return whether a run is `"fitted"`, `"diverged"`, or `"slow"`: neither in its steps."""
        if self.fitted_at[run] != NEVER:
            return "fitted"
        return "diverged" if self.diverged[run] else "slow"

    def end(self, run: int) -> int:
        """Return the place of the first record of a run at which it is fitted, or of the last."""
        fitted_at = self.fitted_at[run]
        last = len(self.steps) - 1
        return last if fitted_at == NEVER else int(np.searchsorted(self.steps, fitted_at))

    def outcome(self, run: int) -> dict[str, Any]:
        """Return the end of a run as columns of a table: status, steps, loss, error, rank."""
        end = self.end(run)
        return {
            "status": self.status(run),
            "steps": int(self.steps[end]),
            "loss": float(self.losses[end, run]),
            "error": float(self.errors[end, run]),
            "rank": float(self.ranks[end, run]),
        }

    def curves(self, run: int) -> dict[str, np.ndarray]:
        """Return the records of a run up to its end, as arrays of a run folder by name."""
        stop = self.end(run) + 1
        return {
            "steps": self.steps[:stop],
            "losses": self.losses[:stop, run],
            "errors": self.errors[:stop, run],
            "ranks": self.ranks[:stop, run],
            "singular_values": self.singular_values[:stop, run, :KEPT_VALUES],
        }


def follow(engine: Engine, held_out: Problem, steps: int, target: float) -> FollowedRuns:
    """Train the runs of an engine until each is fitted or has diverged, or for a number of steps.

    Args:
        engine: The engine, before its first step.
        held_out: The problem on which the errors are measured.
        steps: The most steps.
        target: The loss at or below which a run is fitted.
    """
    points, first = record_points(steps), 0
    runs = sum(stack.runs for stack in engine.stacks)
    fitted_at, diverged = np.full(runs, NEVER), np.zeros(runs, bool)
    recorded, losses, kernels = [], [], []
    for point in points:
        while first < point:
            taken = engine.advance(min(MAX_STEPS_PER_CALL, point - first), first)
            _note(fitted_at, diverged, taken, first, target)
            first += len(taken)
        loss = engine.evaluate()
        _note(fitted_at, diverged, loss[None], first, target)
        recorded.append(first)
        losses.append(loss)
        kernels.append(np.concatenate([kernels_of(stack) for stack in engine.stacks]))
        if ((fitted_at != NEVER) | diverged).all():
            break
    return _followed(recorded, losses, kernels, held_out, fitted_at, diverged)


def record_points(steps: int) -> list[int]:
    """Return the steps at which a run is recorded: 0, then ever rarer, the last one among them.

    Example:
        >>> record_points(4)
        [0, 1, 2, 3, 4]
    """
    decades = np.log10(max(steps, 1))
    spaced = np.geomspace(1, max(steps, 1), int(POINTS_PER_DECADE * decades) + 2)
    return sorted({0, steps, *spaced.round().astype(int).tolist()})


def kernels_of(stack: Stack) -> np.ndarray:
    """Return the products of the factors of all runs of a stack, shape (R, d, k)."""
    kernel, *others = (factor.numpy().astype(np.float64) for factor in stack.factors)
    for factor in others:
        kernel = kernel @ factor
    return kernel


def _note(
    fitted_at: np.ndarray, diverged: np.ndarray, losses: np.ndarray, first: int, target: float
) -> None:
    """Note which runs have become fitted, and which have left the finite numbers."""
    with np.errstate(invalid="ignore"):
        hits = losses <= target
    new = hits.any(axis=0) & (fitted_at == NEVER) & ~diverged
    fitted_at[new] = first + hits.argmax(axis=0)[new]
    diverged |= ~np.isfinite(losses).all(axis=0) & (fitted_at == NEVER)


def _followed(
    steps: Sequence[int],
    losses: Sequence[np.ndarray],
    kernels: Sequence[np.ndarray],
    held_out: Problem,
    fitted_at: np.ndarray,
    diverged: np.ndarray,
) -> FollowedRuns:
    # One matrix that is not finite would fail the singular values of all.
    stacked = np.stack(kernels)
    finite = np.isfinite(stacked).all(axis=(2, 3))
    singular = np.linalg.svd(np.where(finite[..., None, None], stacked, 0.0), compute_uv=False)
    singular[~finite] = np.nan
    ranks = np.apply_along_axis(effective_rank, -1, singular)
    with np.errstate(all="ignore"):
        errors = np.array([[held_out_error(k, held_out) for k in runs] for runs in kernels])
    return FollowedRuns(
        np.array(steps), np.stack(losses), errors, ranks, singular, fitted_at, diverged
    )


def held_out_error(kernel: np.ndarray, held_out: Problem) -> float:
    """Return the mean squared error of a kernel over the observed labels of a problem."""
    return float(np.mean((held_out.x @ kernel - held_out.y)[held_out.observed] ** 2))
