"""The scale of the figures: speed-ups from 1/16 to 16; what is beyond is drawn at its ends."""

from __future__ import annotations

import numpy as np
import pandas as pd

LARGEST = 16.0


def clip_to_scale(ratios: pd.Series) -> np.ndarray:
    """Return speed-ups within the scale; NaN stays NaN.

    Example:
        >>> clip_to_scale(pd.Series([0.0, 2.0, np.inf])).tolist()
        [0.0625, 2.0, 16.0]
    """
    return np.clip(ratios.to_numpy(float), 1 / LARGEST, LARGEST)
