"""The records of a sweep: thinned curves, and exact steps of divergence and of reaching targets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from overparam_tf.checks import mapping_of, real_number, whole_number

NEVER = -1


def record_steps(steps: int, points: int = 1000) -> np.ndarray:
    """Return the steps at which curves are recorded: half log-spaced, half evenly spaced.

    Args:
        steps: Number of steps of the run, >= 0.
        points: The most steps to return, >= 2; default 1000.

    Returns:
        Increasing integers; 0 and `steps` are among them.

    Raises:
        InputError: If an argument is out of its range.

    Example:
        >>> record_steps(1000, points=8).tolist()
        [0, 1, 10, 100, 333, 667, 1000]
    """
    steps, points = whole_number("steps", steps), whole_number("points", points, least=2)
    log_spaced = np.geomspace(1, max(steps, 1), points // 2)
    evenly_spaced = np.linspace(0, steps, points - points // 2)
    recorded = np.unique(np.concatenate([log_spaced, evenly_spaced]).round().astype(np.int64))
    return recorded[recorded <= steps]


class Recorder:
    """Curves, and exact steps of what happened to each run.

    A run diverges at the first step whose loss is not finite. From there on its curve is NaN, and
    nothing later counts for it.

    Args:
        runs: Number of runs R.
        steps: Number of steps of the whole sweep.
        targets: Losses by name; the first step at or below each is noted.
        points: The most points of a curve, >= 2.

    Attributes:
        steps: The recorded steps, shape (S,).
        losses: The curves, shape (S, R); NaN after divergence and at steps not taken yet.
        targets: The targets.
        best_loss: Lowest loss over all steps, shape (R,).
        diverged_at: Step of divergence or NEVER, shape (R,).
        reached_at: By target, the first step at or below it or NEVER, shape (R,).
        last_loss: Loss of the latest step, shape (R,).
    """

    _NOTED = ("losses", "best_loss", "last_loss", "diverged_at")

    def __init__(self, runs: int, steps: int, targets: Mapping[str, float], points: int):
        self.steps = record_steps(steps, points)
        self.losses = np.full((len(self.steps), runs), np.nan)
        self.targets = mapping_of("targets", targets, real_number)
        self.best_loss = np.full(runs, np.nan)
        self.last_loss = np.full(runs, np.nan)
        self.diverged_at = np.full(runs, NEVER, np.int64)
        self.reached_at = {name: np.full(runs, NEVER, np.int64) for name in self.targets}

    def add(self, first_step: int, losses: np.ndarray) -> None:
        """Record the losses of consecutive steps.

        Args:
            first_step: Number of the first of them.
            losses: Their losses, shape (T, R).
        """
        is_finite = np.logical_and.accumulate(np.isfinite(losses), axis=0)
        alive = is_finite & (self.diverged_at == NEVER)
        self._note_first(self.diverged_at, first_step, ~alive)
        losses = np.where(alive, losses, np.nan)
        self.best_loss = np.fmin(self.best_loss, np.fmin.reduce(losses, axis=0))
        self.last_loss = losses[-1].astype(np.float64)
        for name, target in self.targets.items():
            self._note_first(self.reached_at[name], first_step, losses <= target)
        begin, end = np.searchsorted(self.steps, (first_step, first_step + len(losses)))
        self.losses[begin:end] = losses[self.steps[begin:end] - first_step]

    def state(self) -> dict[str, np.ndarray]:
        """Return all records so far."""
        reached = {f"reached_at/{name}": steps for name, steps in self.reached_at.items()}
        return {**{name: getattr(self, name) for name in self._NOTED}, **reached}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Set all records to what `state` returned, of a recorder made with the same arguments."""
        for name in self._NOTED:
            setattr(self, name, state[name])
        self.reached_at = {name: state[f"reached_at/{name}"] for name in self.targets}

    @staticmethod
    def _note_first(noted: np.ndarray, first_step: int, happened: np.ndarray) -> None:
        """Note the first step at which `happened` (T, R) is true, for runs without a note."""
        new = happened.any(axis=0) & (noted == NEVER)
        noted[new] = first_step + happened.argmax(axis=0)[new]
