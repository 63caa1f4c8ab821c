"""What is kept of the losses: thinned curves, and exact facts about every step (divergence, best loss, targets)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

NEVER = -1


def record_steps(steps: int, points: int = 1000) -> np.ndarray:
    """The steps at which curves are recorded: half log-spaced, half evenly spaced, 0 and `steps` among them.

    Args:
        steps: number of steps of the run.
        points: at most this many steps are returned (at least 2).

    Returns:
        Increasing integers from 0 to `steps`.

    Example:
        >>> record_steps(1000, points=8).tolist()
        [0, 1, 10, 100, 333, 667, 1000]
    """
    log_spaced = np.geomspace(1, max(steps, 1), points // 2)
    evenly_spaced = np.linspace(0, steps, points - points // 2)
    recorded = np.unique(np.concatenate([log_spaced, evenly_spaced]).round().astype(np.int64))
    return recorded[recorded <= steps]


class Recorder:
    """Reduces the losses of every step to curves and facts.

    A run diverges at the first step whose loss is not finite. From then on its curve is NaN, and nothing later
    counts for it.

    Args:
        runs: number of runs R.
        steps: number of steps of the whole sweep.
        targets: losses by name; the first step at or below each is noted.
        points: at most this many points of a curve are kept.

    Attributes:
        steps: recorded steps, (S,).
        losses: curves, (S, R), NaN where a run has diverged or not come to yet.
        best_loss: lowest loss over all steps, (R,).
        diverged_at: step of divergence or NEVER, (R,).
        reached_at: per target, first step at or below it or NEVER, (R,).
        last_loss: loss of the latest step seen, (R,).
    """

    _NOTED = ("losses", "best_loss", "last_loss", "diverged_at")

    def __init__(self, runs: int, steps: int, targets: Mapping[str, float], points: int):
        self.steps = record_steps(steps, points)
        self.losses = np.full((len(self.steps), runs), np.nan)
        self.targets = {name: float(target) for name, target in targets.items()}
        self.best_loss = np.full(runs, np.nan)
        self.last_loss = np.full(runs, np.nan)
        self.diverged_at = np.full(runs, NEVER, np.int64)
        self.reached_at = {name: np.full(runs, NEVER, np.int64) for name in self.targets}

    def add(self, first_step: int, losses: np.ndarray) -> None:
        """Takes in the losses of consecutive steps, (T, R), the first of them at `first_step`."""
        alive = np.logical_and.accumulate(np.isfinite(losses), axis=0) & (self.diverged_at == NEVER)
        self._note_first(self.diverged_at, first_step, ~alive)
        losses = np.where(alive, losses, np.nan)
        self.best_loss = np.fmin(self.best_loss, np.fmin.reduce(losses, axis=0))
        self.last_loss = losses[-1].astype(np.float64)
        for name, target in self.targets.items():
            self._note_first(self.reached_at[name], first_step, losses <= target)
        begin, end = np.searchsorted(self.steps, (first_step, first_step + len(losses)))
        self.losses[begin:end] = losses[self.steps[begin:end] - first_step]

    def state(self) -> dict[str, np.ndarray]:
        """Everything noted so far."""
        reached = {f"reached_at/{name}": steps for name, steps in self.reached_at.items()}
        return {**{name: getattr(self, name) for name in self._NOTED}, **reached}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Takes up what `state` returned, of a recorder made with the same arguments."""
        for name in self._NOTED:
            setattr(self, name, state[name])
        self.reached_at = {name: state[f"reached_at/{name}"] for name in self.targets}

    @staticmethod
    def _note_first(noted: np.ndarray, first_step: int, happened: np.ndarray) -> None:
        new = happened.any(axis=0) & (noted == NEVER)
        noted[new] = first_step + happened.argmax(axis=0)[new]
