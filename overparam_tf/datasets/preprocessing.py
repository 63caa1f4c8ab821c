"""Column-wise scaling of features and targets: zscore, minmax or none."""

from __future__ import annotations

import numpy as np

from overparam_tf.errors import InputError

PREPROCESSINGS = ("zscore", "minmax", "none")


def preprocess(x: np.ndarray, y: np.ndarray, how: str = "zscore") -> tuple[np.ndarray, np.ndarray]:
    """Scale every column of x and of y by its own statistics.

        zscore   (v - mean) / std      std with divisor n (ddof 0)
        minmax   (v - min) / (max - min)
        none     v

    A constant column carries no information to scale: zscore and minmax turn it into zeros.

    Args:
        x: features, shape (n, d).
        y: targets, shape (n, k).
        how: "zscore" (default), "minmax" or "none".

    Returns:
        New float64 arrays of the same shapes.

    Raises:
        InputError: how is none of the three, or x or y has no rows or is not 2-D.

    Example:
        >>> import numpy as np
        >>> x, y = preprocess(np.array([[1.0, 7.0], [3.0, 7.0]]), np.array([[10.0], [20.0]]))
        >>> x.tolist(), y.tolist()
        ([[-1.0, 0.0], [1.0, 0.0]], [[-1.0], [1.0]])
    """
    check_preprocessing(how)
    return _scale(np.asarray(x, np.float64), "x", how), _scale(np.asarray(y, np.float64), "y", how)


def check_preprocessing(how: str) -> None:
    """Raise InputError unless how names a preprocessing."""
    if how not in PREPROCESSINGS:
        raise InputError(
            f"preprocessing must be one of {', '.join(PREPROCESSINGS)}. Received: {how!r}"
        )


def _scale(values: np.ndarray, name: str, how: str) -> np.ndarray:
    if values.ndim != 2 or not values.size:
        raise InputError(
            f"{name} must be a non-empty 2-D array. Received: {name}.shape={values.shape}"
        )
    if how == "none":
        return values.copy()
    low, high = values.min(axis=0), values.max(axis=0)
    # Compared exactly, not by std == 0: the rounded mean of a constant column may differ from its value.
    constant = low == high
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # overflow leaves inf or nan, which Problem refuses
        shift, scale = (
            (low, high - low) if how == "minmax" else (values.mean(axis=0), values.std(axis=0))
        )
        return (values - np.where(constant, low, shift)) / np.where(constant, 1.0, scale)
