"""What a cell of `experiments.when_depth_helps` knows: speed-ups, and bounds where one depth never gets there."""

from __future__ import annotations

import numpy as np
import pandas as pd

CELL = ["target", "p", "alignment", "condition", "kurtosis"]
# With fewer steps at depth 1 the first leap decides.
FEW = 10


def with_speed_up(results: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Adds `speed_up`, steps of depth 1 over those of depth 2, and `bound`: `">"`, `"<"` where it is only a bound.

    Where a depth never gets there within `limit`, that is what its steps are bounded by. Where neither does, the
    speed-up is NaN and the bound `"?"`. A target passed at step 0 counts as step 1.
    """
    results = results.astype({"steps_1": "Int64", "steps_2": "Int64"})
    shallow, deep = (results[name].astype(float) for name in ("steps_1", "steps_2"))
    speed_up = shallow.fillna(limit).clip(lower=1) / deep.fillna(limit).clip(lower=1)
    bound = np.select(
        [shallow.isna() & deep.isna(), shallow.isna(), deep.isna()], ["?", ">", "<"], ""
    )
    return results.assign(speed_up=speed_up.mask(bound == "?"), bound=bound)


def cell_table(results: pd.DataFrame) -> pd.DataFrame:
    """A row per cell and problem: the median of its seeds, their spread, and what is known of it.

    `bound` is that of the seeds if they share one; `"?"` if for any seed neither depth gets there, or if seeds are
    bounded from different sides.
    """
    rows = []
    for key, seeds in results.groupby(["problem", *CELL], sort=True):
        bounds = set(seeds["bound"]) - {""}
        bound = "" if not bounds else bounds.pop() if len(bounds) == 1 else "?"
        known = (
            seeds["speed_up"]
            if bound != "?"
            else seeds["speed_up"].mask(seeds["bound"] != "", np.nan)
        )
        row = dict(zip(["problem", *CELL], key, strict=True))
        row |= {
            "speed_up": known.median() if bound != "?" else np.nan,
            "low": known.min(),
            "high": known.max(),
        }
        row |= {
            "bound": bound,
            **{name: seeds[name].astype(float).median() for name in ("steps_1", "steps_2")},
        }
        rows.append({**row, "seeds": len(seeds)})
    return pd.DataFrame(rows)
