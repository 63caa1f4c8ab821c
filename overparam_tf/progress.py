"""The progress of a long run, as sweeps and trainings report it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How much of a run is done.

    Attributes:
        step: Number of steps done.
        steps: Number of steps of the whole run.
        seconds: Seconds since the run was started or continued.
        losses: Last loss by name; in a sweep, that of each variant at its best rate.
        steps_here: Steps done in these seconds, without those before the checkpoint from which the
            run was continued.
    """

    step: int
    steps: int
    seconds: float
    losses: dict[str, float]
    steps_here: int
