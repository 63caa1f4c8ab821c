"""How far a long run has come: what sweeps and trainings tell those who watch them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        step: steps done.
        steps: steps to do in all.
        seconds: seconds since the run was started, or continued.
        losses: last loss by name; in a sweep, that of each variant at its best rate.
        steps_here: steps done in these seconds: `step`, but for those before the checkpoint it was continued from.
    """

    step: int
    steps: int
    seconds: float
    losses: dict[str, float]
    steps_here: int
