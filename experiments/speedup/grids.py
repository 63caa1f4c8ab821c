"""The grids of learning rates, as whole tenths of a decade: a coarse one, and a fine one around it.

The tenth i stands for the rate 10^(i/10).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

COARSE = range(-60, 16, 5)
# How far the fine grid reaches to either side of the best coarse rates: up to the next coarse
# rates, which were trained already.
REACH = 4


def rate_of(tenth: int) -> float:
    """Return the learning rate of a tenth of a decade.

    Example:
        >>> rate_of(-30)
        0.001
    """
    return 10 ** (tenth / 10)


def fine_tenths(coarse: pd.DataFrame, targets: Sequence[str]) -> list[int]:
    """Return the fine grid of a variant, from its runs on the coarse one.

    It reaches from below the lowest to above the highest of the best coarse rates, which differ
    from target to target. A target that no rate reached has the rate of the lowest last loss for
    its best.

    Args:
        coarse: The variant's runs on the coarse grid, with a column `steps_to_NAME` per target.
        targets: Names of the targets.
    """
    bests = [_best_rate(coarse, f"steps_to_{target}") for target in targets]
    rates = [rate for rate in bests if rate is not None]
    # If every rate diverged, only rates below the lowest are left to try.
    rates = rates or [coarse["learning_rate"].min()]
    tenths = np.round(10 * np.log10(rates)).astype(int)
    return list(range(int(tenths.min()) - REACH, int(tenths.max()) + REACH + 1))


def _best_rate(coarse: pd.DataFrame, column: str) -> float | None:
    """Return the rate of the fewest steps, else of the lowest last loss, else None."""
    reached = coarse[(coarse["status"] != "diverged") & coarse[column].notna()]
    if reached.empty:
        column, reached = "final_loss", coarse.dropna(subset="final_loss")
    if reached.empty:
        return None
    return reached.loc[reached[column].astype(float).idxmin(), "learning_rate"]
