"""Means over seeds with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Mean:
    """A mean over seeds.

    Attributes:
        value: The mean.
        half: Half the width of its interval, from Student's t; NaN for a single seed.
    """

    value: float
    half: float

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Mean:
        """Return the mean of the values of several seeds.

        Example:
            >>> Mean.of([1.0, 2.0, 3.0]).text()
            '2±2.5'
            >>> Mean.of([1.0]).text()
            '1'
        """
        numbers = np.asarray(values, float)
        if len(numbers) < 2:
            return cls(float(numbers.mean()), np.nan)
        error = numbers.std(ddof=1) / np.sqrt(len(numbers))
        quantile = stats.t.ppf((1 + CONFIDENCE) / 2, len(numbers) - 1)
        return cls(float(numbers.mean()), float(quantile * error))

    @property
    def is_below_zero(self) -> bool | None:
        """Return whether the whole interval is below 0 (True) or above it (False), else None.

        It is None for a single seed too.
        """
        if not abs(self.value) > self.half:
            return None
        return self.value < 0

    def text(self, unit: str = "", scale: float = 1.0) -> str:
        """Return it as tables show it, `"0.76±0.05 %"`.

        Args:
            unit: What stands behind the numbers; default none.
            scale: What they are multiplied by; default 1.
        """
        value = f"{scale * self.value:.3g}"
        half = "" if np.isnan(self.half) else f"±{scale * self.half:.2g}"
        return f"{value}{half}{unit}"


def mean_curve(curves: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean over seeds of curves, and the ends of its interval, step by step.

    A curve that is shorter than the longest, of a seed still in training, does not count. With
    a single curve all three are that curve.

    Example:
        >>> mean, low, high = mean_curve([np.array([1.0, 1.0]), np.array([3.0, 1.0]), np.ones(1)])
        >>> mean.tolist(), round(float(high[0]), 1), float(high[1])
        ([2.0, 1.0], 14.7, 1.0)
    """
    longest = max(map(len, curves))
    whole = np.stack([curve for curve in curves if len(curve) == longest])
    mean, count = whole.mean(axis=0), len(whole)
    if count < 2:
        return mean, mean, mean
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)
    half = quantile * whole.std(axis=0, ddof=1) / np.sqrt(count)
    return mean, mean - half, mean + half
