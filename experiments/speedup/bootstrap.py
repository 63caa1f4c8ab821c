"""Steps to a target, over rates and seeds, made into a speed-up with an interval: pure functions on arrays.

Everything here works on a table of steps of shape (rates, seeds), infinite where a run diverged or did not reach the
target: such runs are censored, never dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BOOTSTRAPS = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class SpeedUp:
    """Steps of the plain variant over steps of another, each at its own best rate.

    Attributes:
        ratio: above 1 the other variant is faster. Infinite where only it reached the target, 0 where only the plain
            one did, NaN where neither did.
        low: lower end of the bootstrap interval.
        high: its upper end.
    """

    ratio: float
    low: float
    high: float

    @property
    def helps(self) -> bool | None:
        """True or False where the whole interval lies on one side of 1; None where nothing can be said."""
        if np.isnan(self.ratio) or self.low <= 1 <= self.high:
            return None
        return self.low > 1


def best_rate(steps: np.ndarray) -> int:
    """The index of the rate with the fewest steps, median over seeds; the first one where no rate has a finite median.

    Example:
        >>> best_rate(np.array([[9.0, 9.0], [4.0, 6.0], [1.0, np.inf]]))
        1
    """
    return int(np.argmin(np.median(steps, axis=1)))


def fewest_steps(steps: np.ndarray) -> float:
    """The median over seeds at the best rate.

    Example:
        >>> fewest_steps(np.array([[9.0, 9.0], [4.0, 6.0], [1.0, np.inf]]))
        5.0
    """
    return float(np.median(steps, axis=1).min())


def good_range(rates: np.ndarray, steps: np.ndarray, within: float = 2.0) -> float:
    """How forgiving a variant is: decades of rates that need at most `within` times the fewest steps.

    Args:
        rates: increasing, shape (rates,).
        steps: shape (rates, seeds).
        within: the factor.

    Returns:
        Decades around the best rate, contiguous, each rate counting for the half-way to its neighbours; NaN where the
        target was never reached.

    Example: ten rates a decade, three of which are good.

        >>> rates = 10 ** np.arange(-0.3, 0.3, 0.1)
        >>> round(good_range(rates, np.array([[9.0], [2.0], [1.0], [2.0], [9.0], [1.0]])), 3)
        0.3
    """
    median = np.median(steps, axis=1)
    best = int(np.argmin(median))
    if not np.isfinite(median[best]):
        return float("nan")
    good = median <= within * median[best]
    first = last = best
    while first > 0 and good[first - 1]:
        first -= 1
    while last + 1 < len(good) and good[last + 1]:
        last += 1
    decades = np.log10(rates)
    edges = np.concatenate([decades[:1], (decades[1:] + decades[:-1]) / 2, decades[-1:]])
    return float(edges[last + 1] - edges[first])


def speed_up(
    plain: np.ndarray, other: np.ndarray, bootstraps: int = BOOTSTRAPS, seed: int = 0
) -> SpeedUp:
    """Steps of `plain` over steps of `other`, with a bootstrap interval over seeds.

    Each bootstrap sample draws seeds with replacement, the same for both (they share their initial kernels), and
    chooses the best rate of each anew: the choice is part of the uncertainty.

    Args:
        plain: steps to the target, shape (rates, seeds).
        other: the same for the other variant; its rates may be others, its seeds are the same.
        bootstraps: number of samples.
        seed: seed of the samples.

    Example:
        >>> plain = np.array([[100.0, 110.0, 90.0]])
        >>> fast = speed_up(plain, plain / 2)
        >>> fast.ratio, fast.low, fast.high, fast.helps
        (2.0, 2.0, 2.0, True)
        >>> speed_up(plain, np.full((2, 3), np.inf)).helps
        False
    """
    seeds = plain.shape[1]
    drawn = np.random.default_rng(seed).integers(0, seeds, (bootstraps, seeds))
    samples = (np.median(steps[:, drawn], axis=2).min(axis=0) for steps in (plain, other))
    ratios = np.array([_ratio(*pair) for pair in zip(*samples, strict=True)])
    known = ratios[~np.isnan(ratios)]
    low, high = (
        np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], method="nearest")
        if len(known)
        else (np.nan, np.nan)
    )
    return SpeedUp(_ratio(fewest_steps(plain), fewest_steps(other)), float(low), float(high))


def _ratio(plain: float, other: float) -> float:
    """Where a run is at its target from the start (0 steps), the ratio counts one step."""
    if np.isinf(plain) and np.isinf(other):
        return float("nan")
    return 0.0 if np.isinf(other) else max(plain, 1.0) / max(other, 1.0)
