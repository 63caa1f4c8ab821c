"""The speed-up by depth: steps of depth 1 over steps of another depth, where either may not arrive."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import pandas as pd


class Bound(str, Enum):
    """What is known of a speed-up; `mark` is what stands before its number."""

    EXACT = "exact"
    AT_LEAST = "at least"
    AT_MOST = "at most"
    UNKNOWN = "unknown"

    @property
    def mark(self) -> str:
        """Return `""`, `">"`, `"<"` or `"?"`."""
        return {"exact": "", "at least": ">", "at most": "<", "unknown": "?"}[self.value]


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

        Args:
            shallow: Steps that depth 1 took; None, NaN or infinite if it did not reach the target.
            deep: The same for the other depth.
            limit: Length of the runs: a depth that did not reach the target takes more steps.

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
        arrived = [steps is not None and np.isfinite(steps) for steps in (shallow, deep)]
        bound = {
            (True, True): Bound.EXACT,
            (False, True): Bound.AT_LEAST,
            (True, False): Bound.AT_MOST,
            (False, False): Bound.UNKNOWN,
        }[arrived[0], arrived[1]]
        if bound is Bound.UNKNOWN:
            return cls(float("nan"), bound)
        # A target that is met from the start, at step 0, counts as step 1.
        top, bottom = (
            max(float(steps), 1.0) if there else float(limit)
            for steps, there in zip((shallow, deep), arrived, strict=True)
        )
        return cls(top / bottom, bound)

    def text(self, digits: int = 3) -> str:
        """Return the number as tables show it, `">20"` for a lower bound, `"?"` for unknown."""
        return self.bound.mark + ("" if np.isnan(self.ratio) else f"{self.ratio:.{digits}g}")


def speed_ups(shallow: pd.Series, deep: pd.Series, limit: float) -> pd.DataFrame:
    """Compare steps row by row; see `SpeedUp.from_steps`.

    Args:
        shallow: Steps of depth 1; missing or infinite where it did not reach the target.
        deep: Steps of the other depth, in the same rows.
        limit: Length of the runs.

    Returns:
        Columns `speed_up` and `bound` (the values of `Bound`), with the index of `deep`.

    Example:
        >>> speed_ups(pd.Series([90.0, None]), pd.Series([30.0, 50.0]), limit=100).values.tolist()
        [[3.0, 'exact'], [2.0, 'at least']]
    """
    pairs = zip(shallow.astype(float), deep.astype(float), strict=True)
    found = [SpeedUp.from_steps(*pair, limit) for pair in pairs]
    columns = {
        "speed_up": pd.Series([each.ratio for each in found], deep.index, dtype=float),
        "bound": pd.Series([each.bound.value for each in found], deep.index, dtype=object),
    }
    return pd.DataFrame(columns)
