"""A number over several draws of a problem: its median, with a bootstrap interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE, SAMPLES = 0.95, 4000


@dataclass(frozen=True)
class OverDraws:
    """The median of a number over draws, with its interval.

    Attributes:
        median: The median; NaN without a draw.
        low: Lower end of the 95 % bootstrap interval of the median.
        high: Its upper end.
        draws: Number of draws.
    """

    median: float
    low: float
    high: float
    draws: int

    @classmethod
    def of(cls, values: Sequence[float]) -> OverDraws:
        """Return the median of values that are numbers, with its interval.

        Example:
            >>> OverDraws.of([1.0, 2.0, 9.0]).text()
            '2 [1, 9]'
        """
        known = np.asarray(values, float)
        known = known[np.isfinite(known)]
        if not known.size:
            return cls(np.nan, np.nan, np.nan, 0)
        samples = np.random.default_rng(0).choice(known, (SAMPLES, known.size))
        tail = (1 - CONFIDENCE) / 2
        ends = np.quantile(np.median(samples, axis=1), (tail, 1 - tail), method="nearest")
        low, high = ends.tolist()
        return cls(float(np.median(known)), low, high, known.size)

    @staticmethod
    def heights(numbers: Sequence[OverDraws]) -> tuple[np.ndarray, np.ndarray]:
        """Return medians, shape (n,), and how far the intervals reach below and above, (2, n)."""
        medians = np.array([each.median for each in numbers])
        ends = np.array([[each.low, each.high] for each in numbers]).T
        return medians, np.nan_to_num(np.abs(ends - medians))

    def text(self) -> str:
        """Return it as tables show it, or `"-"` without a draw."""
        if not self.draws:
            return "-"
        return f"{self.median:.3g} [{self.low:.2g}, {self.high:.2g}]"
