"""The cells of the diagram: the speed-ups of their seeds in one row, with what is known of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.harness.speed_up import Bound, speed_ups

# What a problem and its loss are described by, and a cell of the diagrams with its target.
AXES = ("p", "alignment", "condition", "kurtosis")
CELL = ("target", *AXES)
# With fewer steps at depth 1 the first jump decides.
FEW = 10


def with_speed_up(results: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Return the results with `speed_up`, steps of depth 1 over those of depth 2, and `bound`.

    Args:
        results: Columns steps_1 and steps_2, missing where a depth did not reach the target.
        limit: The most steps taken; see `SpeedUp.from_steps`.
    """
    results = results.astype({"steps_1": "Int64", "steps_2": "Int64"})
    gains = speed_ups(results["steps_1"], results["steps_2"], limit)
    return results.assign(speed_up=gains["speed_up"], bound=gains["bound"])


def cell_table(results: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each cell and problem.

    Args:
        results: What `with_speed_up` returned, a row for each seed.

    Returns:
        Columns problem, target, p, alignment, condition, kurtosis; speed_up, the median over seeds,
        and low and high, their range; bound, see `Bound.common`; steps_1 and steps_2, the medians;
        seeds, their number.
    """
    key_columns = ["problem", *CELL]
    rows = []
    for key, seeds in results.groupby(key_columns, sort=True):
        bound = Bound.common(seeds["bound"])
        is_known = bound is not Bound.UNKNOWN
        # Where the median is unknown, the range is that of the exact ones.
        chosen = seeds if is_known else seeds[seeds["bound"] == Bound.EXACT]
        rows.append(
            {
                **dict(zip(key_columns, key, strict=True)),
                "speed_up": chosen["speed_up"].median() if is_known else np.nan,
                "low": chosen["speed_up"].min(),
                "high": chosen["speed_up"].max(),
                "bound": bound.value,
                "steps_1": seeds["steps_1"].astype(float).median(),
                "steps_2": seeds["steps_2"].astype(float).median(),
                "seeds": len(seeds),
            }
        )
    return pd.DataFrame(rows)
