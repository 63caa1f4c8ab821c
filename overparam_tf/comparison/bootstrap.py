"""The speed-up by depth with its bootstrap interval over seeds, from steps to a target.

A table of steps has the shape (rates, seeds). It is infinite where a run diverged or did not reach
the target: such runs are censored, never dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from overparam_tf.comparison.speed_ups import SpeedUp

BOOTSTRAPS = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A speed-up of depth 1 over another depth, each at its own best rate, with its interval.

    Attributes:
        speed_up: The speed-up of the medians over seeds, or its bound.
        low: Lower end of the bootstrap interval. Of a sample in which one depth alone reached the
            target a bound is known: the other takes the length of the runs or more. The least that
            it can be counts here, the most in `high`. A sample in which neither did is left out,
            and without any other the interval is NaN.
        high: Its upper end.
    """

    speed_up: SpeedUp
    low: float
    high: float

    @property
    def helps(self) -> bool | None:
        """Return whether the interval lies above 1 (True) or below it (False), else None."""
        if not self.speed_up.is_known or self.low <= 1 <= self.high:
            return None
        return self.low > 1

    def in_time(self, price: float) -> Estimate:
        """Return the speed-up in time, where a step of the other depth costs `price` of depth 1.

        Example:
            >>> steps = speed_up(np.array([[90.0]]), np.array([[30.0]]), limit=100)
            >>> steps.text(), steps.in_time(2.0).text()
            ('3 [3, 3]', '1.5 [1.5, 1.5]')
        """
        ratio = self.speed_up.ratio / price
        return Estimate(replace(self.speed_up, ratio=ratio), self.low / price, self.high / price)

    def text(self) -> str:
        """Return it as tables show it, `"1.3 [0.9, 2]"`, or `"neither"` reached the target."""
        if not self.speed_up.is_known:
            return "neither"
        return f"{self.speed_up.text(digits=2)} [{_end_text(self.low)}, {_end_text(self.high)}]"


def _end_text(value: float) -> str:
    return "∞" if np.isinf(value) else f"{value:.2g}"


def best_rate(steps: np.ndarray) -> int:
    """Return the index of the rate with the fewest steps, median over seeds.

    It is 0 if no rate has a finite median.

    Example:
        >>> best_rate(np.array([[9.0, 9.0], [4.0, 6.0], [1.0, np.inf]]))
        1
    """
    return int(np.argmin(np.median(steps, axis=1)))


def fewest_steps(steps: np.ndarray) -> float:
    """Return the steps at the best rate, median over seeds.

    Example:
        >>> fewest_steps(np.array([[9.0, 9.0], [4.0, 6.0], [1.0, np.inf]]))
        5.0
    """
    return float(np.median(steps, axis=1).min())


def good_range(rates: np.ndarray, steps: np.ndarray, within: float = 2.0) -> float:
    """Return how many decades of rates around the best one are good, without a gap.

    A rate is good if it needs at most `within` times the fewest steps. It counts up to half-way to
    its neighbours.

    Args:
        rates: Rates, increasing, shape (rates,).
        steps: Steps to the target, shape (rates, seeds).
        within: The factor; default 2.

    Returns:
        Decades; NaN if no rate reached the target.

    Example: of rates ten a decade, three in a row are good.

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
    plain: np.ndarray,
    other: np.ndarray,
    limit: float,
    bootstraps: int = BOOTSTRAPS,
    seed: int = 0,
) -> Estimate:
    """Return the speed-up of depth 1 over another depth, with a bootstrap interval over seeds.

    Each bootstrap sample draws seeds with replacement, the same for both depths (they share their
    initial kernels), and chooses the best rate of each again: the choice is part of the
    uncertainty. Where all runs reach the target, `scipy.stats.bootstrap` gives the same percentile
    interval; with censored runs, whose ratios are ranges from 0 or to infinity, its BCa interval is
    NaN and its percentiles are interpolated between infinities, hence the nearest ones here.

    Args:
        plain: Steps of depth 1 to the target, shape (rates, seeds).
        other: The same for the other depth, with rates of its own and the same seeds.
        limit: Length of the runs.
        bootstraps: Number of samples.
        seed: Seed of the samples.

    Example:
        >>> plain = np.array([[100.0, 110.0, 90.0]])
        >>> fast = speed_up(plain, plain / 2, limit=200)
        >>> fast.text(), fast.helps
        ('2 [2, 2]', True)
        >>> stuck = speed_up(plain, np.full((2, 3), np.inf), limit=200)
        >>> stuck.text(), stuck.helps
        ('<0.5 [0, 0.55]', False)
    """
    seeds = plain.shape[1]
    samples = np.random.default_rng(seed).integers(0, seeds, (bootstraps, seeds))
    least, most = _ratios(_sampled_steps(plain, samples), _sampled_steps(other, samples), limit)
    low = high = np.nan
    if len(least):
        low = np.quantile(least, (1 - CONFIDENCE) / 2, method="nearest")
        high = np.quantile(most, (1 + CONFIDENCE) / 2, method="nearest")
    gain = SpeedUp.from_steps(fewest_steps(plain), fewest_steps(other), limit)
    return Estimate(gain, float(low), float(high))


def _sampled_steps(steps: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Return the fewest steps of every sample, shape (bootstraps,)."""
    # (rates, bootstraps, seeds) -> (rates, bootstraps) -> (bootstraps,)
    return np.median(steps[:, samples], axis=2).min(axis=0)


def _ratios(plain: np.ndarray, other: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the most that the quotients can be; unknown ones are left out.

    Steps that are infinite are `limit` or more; step 0 counts as step 1.
    """
    is_known = np.isfinite(plain) | np.isfinite(other)
    plain, other = (np.maximum(steps[is_known], 1) for steps in (plain, other))
    least = np.where(np.isfinite(plain), plain, limit) / other
    most = plain / np.where(np.isfinite(other), other, limit)
    return least, most
