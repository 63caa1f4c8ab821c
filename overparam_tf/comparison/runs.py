"""One training of a comparison: which it is, its curve, and its row in the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from overparam_tf.comparison.settings import Settings
from overparam_tf.status import TrainingStatus

# A run that ends above this many times its first loss has diverged, as in a `Sweep`.
DIVERGED_ABOVE = 10.0


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        optimizer: The optimizer's name.
        depth: Number of factors.
        learning_rate: The rate.
        seed: Seed of the start and of the batches.
    """

    optimizer: str
    depth: int
    learning_rate: float
    seed: int

    @property
    def name(self) -> str:
        """Return a name that no other run of the comparison has.

        Example:
            >>> Run("adam", 2, 0.001, 4).name
            'adam, depth 2, rate 0.001, seed 4'
        """
        return (
            f"{self.optimizer}, depth {self.depth}, rate {self.learning_rate:g}, seed {self.seed}"
        )


def run_of(row: Mapping[str, Any]) -> Run:
    """Return the run that a row is of."""
    return Run(row["optimizer"], row["depth"], row["learning_rate"], row["seed"])


@dataclass(frozen=True, eq=False)
class Curve:
    """Losses of a run so far, means over a few steps each.

    Attributes:
        losses: Mean loss of the steps of each point, without penalties where these are known apart.
        penalties: Mean penalty of the same steps.
        seconds: Seconds that the steps took, compiling not included.
    """

    losses: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))
    penalties: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))
    seconds: float = 0.0

    def extended(
        self, losses: Sequence[float], penalties: Sequence[float], seconds: float
    ) -> Curve:
        """Return the curve with further points.

        Args:
            losses: Mean loss of the steps of each of them.
            penalties: Mean penalty of the same steps.
            seconds: Seconds that these steps took.
        """
        return Curve(
            np.concatenate([self.losses, np.asarray(losses, np.float32)]),
            np.concatenate([self.penalties, np.asarray(penalties, np.float32)]),
            self.seconds + seconds,
        )

    @property
    def is_finite(self) -> bool:
        """Return whether all losses so far are finite numbers."""
        return bool(np.isfinite(self.losses).all() and np.isfinite(self.penalties).all())


def point_steps(settings: Settings) -> np.ndarray:
    """Return the last step of each point of a whole curve."""
    return settings.per_point * np.arange(1, settings.points + 1)


def smoothed(losses: np.ndarray, count: int) -> np.ndarray:
    """Return, for each point, the mean of it and of the `count - 1` points before it.

    The first points are means of those that there are.

    Example:
        >>> smoothed(np.array([4.0, 2.0, 0.0, 1.0]), 2).tolist()
        [4.0, 3.0, 1.0, 0.5]
    """
    # Each mean sums its own window: from sums of all points, what follows a spike of 1e20 would
    # be lost to rounding.
    padded = np.concatenate([np.zeros(count), np.asarray(losses, float)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, count)[1:]
    return windows.sum(axis=1) / np.minimum(np.arange(1, len(losses) + 1), count)


def row_of(
    run: Run, curve: Curve, settings: Settings, test: dict[str, float] | None = None
) -> dict[str, Any]:
    """Return the row of a run that ended: JSON-ready, missing numbers as None.

    Args:
        run: The run.
        curve: Its curve. One that is shorter than the run left the finite numbers.
        settings: The settings.
        test: What it reached on the test data; default None, nothing was measured.
    """
    losses = smoothed(curve.losses, settings.averaged_points)
    first, last = (float(losses[0]), float(losses[-1])) if len(losses) else (np.nan, np.nan)
    ended = len(losses) == settings.points and curve.is_finite
    diverged = not ended or last > DIVERGED_ABOVE * abs(first)
    steps = settings.per_point * len(losses)
    return {
        "optimizer": run.optimizer,
        "depth": run.depth,
        "learning_rate": run.learning_rate,
        "seed": run.seed,
        "status": str(TrainingStatus.DIVERGED if diverged else TrainingStatus.FINISHED),
        "steps": steps,
        "first_loss": _number(first),
        "final_loss": None if diverged else _number(last),
        "best_loss": None if not np.isfinite(losses).any() else _number(np.nanmin(losses)),
        "final_penalty": None if diverged else _number(curve.penalties[-1]),
        "seconds_per_step": curve.seconds / max(steps, 1),
        "steps_to": [_steps_to(losses, target, settings) for target in settings.targets],
        "test": {name: _number(value) for name, value in (test or {}).items()},
    }


def _steps_to(losses: np.ndarray, target: float, settings: Settings) -> int | None:
    """Return the first step at which the smoothed loss is at most the target; None for never."""
    reached = np.flatnonzero(losses <= target)
    return int(settings.per_point * (reached[0] + 1)) if len(reached) else None


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
