"""The speed-up by depth row by row of a table; see `overparam_tf.comparison.speed_ups`."""

from __future__ import annotations

import pandas as pd

from overparam_tf.comparison.speed_ups import Bound, SpeedUp

__all__ = ["Bound", "SpeedUp", "speed_ups"]


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
    gains = [SpeedUp.from_steps(*pair, limit) for pair in pairs]
    columns = {
        "speed_up": pd.Series([gain.ratio for gain in gains], deep.index, dtype=float),
        "bound": pd.Series([gain.bound.value for gain in gains], deep.index, dtype=object),
    }
    return pd.DataFrame(columns)
