"""Column-wise scaling of features and targets: z-scores, a range from 0 to 1, or none."""

from __future__ import annotations

import numpy as np

from overparam_tf.checks import one_of, real_matrix

PREPROCESSINGS = ("zscore", "minmax", "none")


def preprocess(x: np.ndarray, y: np.ndarray, how: str = "zscore") -> tuple[np.ndarray, np.ndarray]:
    """Scale every column of x and of y by its own statistics.

        zscore   (v - mean) / std      std with divisor n (ddof 0)
        minmax   (v - min) / (max - min)
        none     v

    A constant column carries no information to scale: zscore and minmax turn it into zeros.

    Args:
        x: Features, shape (n, d).
        y: Targets, shape (n, k).
        how: "zscore" (default), "minmax" or "none".

    Returns:
        New float64 arrays of the same shapes.

    Raises:
        InputError: If `how` is none of the three, or x or y is no matrix of finite numbers or is
            empty.

    Example:
        >>> import numpy as np
        >>> x, y = preprocess(np.array([[1.0, 7.0], [3.0, 7.0]]), np.array([[10.0], [20.0]]))
        >>> x.tolist(), y.tolist()
        ([[-1.0, 0.0], [1.0, 0.0]], [[-1.0], [1.0]])
    """
    one_of("how", how, PREPROCESSINGS)
    return _scaled(real_matrix("x", x), how), _scaled(real_matrix("y", y), how)


def _scaled(values: np.ndarray, how: str) -> np.ndarray:
    if how == "none":
        return values
    low, high = values.min(axis=0), values.max(axis=0)
    # Compared exactly, not by std == 0: the rounded mean of a constant column may differ from it.
    constant = low == high
    # What cannot be scaled in float64 becomes NaN, which Problem refuses.
    with np.errstate(all="ignore"):
        if how == "minmax":
            shift, scale = low, high - low
        else:
            shift, scale = values.mean(axis=0), values.std(axis=0)
        scale = np.where(np.isfinite(scale) & (scale > 0), scale, np.nan)
        return (values - np.where(constant, low, shift)) / np.where(constant, 1.0, scale)
