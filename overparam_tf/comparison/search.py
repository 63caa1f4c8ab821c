"""The search for the best rate of one optimizer at one depth: which runs are to be trained next.

A pure function of what was found so far, so that a continued comparison searches on as it did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from overparam_tf.status import TrainingStatus

Found = Mapping[tuple[float, int], Mapping[str, Any]]
# How often a grid may grow by one rate at the end where its best one lies.
COARSE_GROWTH, FINE_GROWTH = 2, 2
# The ratio of neighbouring rates where the coarse grid has one rate alone.
HALF_DECADE = 10**0.5


def next_runs(
    found: Found, coarse: Sequence[float], seeds: Sequence[int], refine: bool = True
) -> list[tuple[float, int]]:
    """Return the rates and seeds to train next; none if the search is at its end.

    First the coarse grid with the first seed alone, longer at an end where its best rate lies. Then
    rates at half its distances around the best for each target, with all seeds, longer in the same
    way. What diverges is never best.

    Args:
        found: The rows of the runs so far, by rate and seed.
        coarse: The coarse grid, increasing.
        seeds: All seeds.
        refine: Whether to search; otherwise the coarse grid is trained with all seeds. Default
            True.
    """
    if not refine:
        return [(rate, seed) for rate in coarse for seed in seeds if (rate, seed) not in found]
    first_seed, *_ = seeds
    ratio = float(np.median(np.diff(np.log(coarse)))) if len(coarse) > 1 else np.log(HALF_DECADE)
    grid = grown(found, list(coarse), [first_seed], float(np.exp(ratio)), COARSE_GROWTH)
    missing = [(rate, first_seed) for rate in grid if (rate, first_seed) not in found]
    if missing:
        return missing
    half = float(np.exp(ratio / 2))
    bests = best_rates(found, grid, [first_seed])
    around = {near(rate * half**power, grid) for rate in bests for power in (-1, 0, 1)}
    around = around or {grid[0]}  # every rate diverged
    fine = grown(found, sorted(around), seeds, half, FINE_GROWTH)
    return [(rate, seed) for rate in fine for seed in seeds if (rate, seed) not in found]


def grown(
    found: Found, grid: list[float], seeds: Sequence[int], ratio: float, most: int
) -> list[float]:
    """Return a grid with further rates at an end where a best one lies, as far as is known.

    Args:
        found: The rows of the runs so far.
        grid: The rates, increasing.
        seeds: The seeds with which they are trained.
        ratio: Ratio of neighbouring rates.
        most: The most further rates.
    """
    for _ in range(most):
        if any((rate, seed) not in found for rate in grid for seed in seeds):
            return grid
        bests = best_rates(found, grid, seeds)
        if bests and max(bests) == grid[-1]:
            grid = [*grid, near(grid[-1] * ratio, grid)]
        elif not bests or min(bests) == grid[0]:
            grid = [near(grid[0] / ratio, grid), *grid]
        else:
            return grid
    return grid


def best_rates(found: Found, rates: Sequence[float], seeds: Sequence[int]) -> set[float]:
    """Return the best rate for each target that any rate reaches, else that of the lowest loss.

    Medians over seeds count; a run that diverged has neither steps nor a loss.
    """
    targets = next(len(row["steps_to"]) for row in found.values()) if found else 0
    by_rate = {rate: [found[rate, seed] for seed in seeds] for rate in rates}
    losses = {rate: median([final_loss(row) for row in rows]) for rate, rows in by_rate.items()}
    bests = set()
    for place in range(targets):
        steps = {
            rate: median([steps_to(row, place) for row in rows]) for rate, rows in by_rate.items()
        }
        best = min((steps[rate], losses[rate], rate) for rate in rates)[-1]
        if np.isfinite(steps[best]):
            bests.add(best)
    lowest = min(rates, key=losses.__getitem__)
    return bests or ({lowest} if np.isfinite(losses[lowest]) else set())


def steps_to(row: Mapping[str, Any], place: int) -> float:
    """Return the steps to a target, infinite if it was not reached or the run diverged.

    Nobody would train at a rate that diverges after the target.
    """
    steps = row["steps_to"][place]
    diverged = row["status"] == TrainingStatus.DIVERGED
    return np.inf if steps is None or diverged else float(steps)


def final_loss(row: Mapping[str, Any]) -> float:
    """Return the last loss, infinite if the run diverged."""
    return np.inf if row["final_loss"] is None else float(row["final_loss"])


def median(values: Sequence[float]) -> float:
    """Return the median, infinite where half of the values are.

    Example:
        >>> median([1.0, 4.0]), median([1.0, float("inf")])
        (2.5, inf)
    """
    return float(np.median(values))


def near(rate: float, known: Sequence[float]) -> float:
    """Return a known rate within 2 %, else the rate in four digits.

    Example:
        >>> near(0.0999, [0.1, 1.0]), near(0.31622777, [0.1, 1.0])
        (0.1, 0.3162)
    """
    for other in known:
        if abs(np.log(rate / other)) < 0.02:
            return other
    return float(f"{rate:.4g}")
