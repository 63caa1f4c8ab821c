"""The speed-up by depth: steps of depth 1 to a target, over those of another depth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class Bound(StrEnum):
    """What is known of a speed-up: its number, or a bound where a depth missed the target."""

    EXACT = "exact"
    AT_LEAST = "at least"
    AT_MOST = "at most"
    UNKNOWN = "unknown"

    @property
    def mark(self) -> str:
        """Return what stands before the number: `""`, `">"`, `"<"`, or `"?"` in its place."""
        marks = {Bound.EXACT: "", Bound.AT_LEAST: ">", Bound.AT_MOST: "<", Bound.UNKNOWN: "?"}
        return marks[self]

    @classmethod
    def common(cls, bounds: Iterable[str]) -> Bound:
        """Return what is known of the median of several speed-ups.

        It is unknown if any of them is, or if some are bounded from below and others from above.

        Example:
            >>> Bound.common(["exact", "at least", "exact"]).value
            'at least'
            >>> Bound.common(["at least", "at most"]).value
            'unknown'
        """
        inexact = {cls(bound) for bound in bounds} - {cls.EXACT}
        if len(inexact) > 1:
            return cls.UNKNOWN
        return inexact.pop() if inexact else cls.EXACT


@dataclass(frozen=True)
class SpeedUp:
    """Steps of depth 1 over steps of another depth to the same target: above 1, depth helps.

    Attributes:
        ratio: The quotient, or its bound; NaN where neither depth reached the target.
        bound: Whether `ratio` is exact, a lower or an upper bound, or unknown.
    """

    ratio: float
    bound: Bound

    @classmethod
    def from_steps(cls, shallow: float | None, deep: float | None, limit: float) -> SpeedUp:
        """Compare the steps of two depths.

        A depth that did not reach the target counts with `limit` steps, which makes the quotient a
        bound. A target that is reached at step 0 counts as reached at step 1.

        Args:
            shallow: Steps that depth 1 took; None, NaN or infinite if it did not reach the target.
            deep: The same for the other depth.
            limit: Length of the runs.

        Example:
            >>> SpeedUp.from_steps(100, 50, limit=1000).text()
            '2'
            >>> SpeedUp.from_steps(None, 50, limit=1000).text()
            '>20'
            >>> SpeedUp.from_steps(100, None, limit=1000).text()
            '<0.1'
            >>> SpeedUp.from_steps(None, None, limit=1000).text()
            '?'
        """
        shallow_steps, shallow_reached = _steps_and_success(shallow, limit)
        deep_steps, deep_reached = _steps_and_success(deep, limit)
        ratio = shallow_steps / deep_steps
        if shallow_reached and deep_reached:
            return cls(ratio, Bound.EXACT)
        if deep_reached:
            return cls(ratio, Bound.AT_LEAST)
        if shallow_reached:
            return cls(ratio, Bound.AT_MOST)
        return cls(float("nan"), Bound.UNKNOWN)

    @property
    def is_known(self) -> bool:
        """Return whether there is a number at all: exact or a bound."""
        return self.bound is not Bound.UNKNOWN

    def text(self, digits: int = 3, unit: str = "") -> str:
        """Return the number as tables show it, `">20"` for a lower bound, `"?"` for unknown.

        Args:
            digits: Significant digits.
            unit: What stands between the mark and the number, e.g. `"x"`.
        """
        if not self.is_known:
            return self.bound.mark
        return f"{self.bound.mark}{unit}{self.ratio:.{digits}g}"


def _steps_and_success(steps: float | None, limit: float) -> tuple[float, bool]:
    """Return what steps count as, and whether the target was reached."""
    if steps is None or not np.isfinite(steps):
        return float(limit), False
    return max(float(steps), 1.0), True
