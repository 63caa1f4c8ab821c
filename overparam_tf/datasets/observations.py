"""Labels that are observed in part: their check, and the fewest rows with the same squared loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from overparam_tf.checks import real_matrix, resolve
from overparam_tf.errors import input_error


def observed_labels(
    y: Any, unobserved: Any
) -> tuple[np.ndarray, np.ndarray | bool, np.ndarray | None]:
    """Return labels with NaN where they are unobserved, the mask, and the labels that it hides.

    Args:
        y: Labels, shape (n, k).
        unobserved: False; True, if those that are NaN are unobserved; or a mask of shape (n, k).

    Returns:
        The labels as a float64 matrix. The mask, or False if every label is observed. The numbers
        under the mask, NaN elsewhere; None if there are none.

    Raises:
        InputError: If a label is no finite number, except NaN where it is unobserved, the mask is
            none of the labels' shape, or no label is observed.

    Example:
        >>> y, mask, hidden = observed_labels([[1.0, np.nan], [3.0, 4.0]], True)
        >>> mask.tolist(), hidden
        ([[False, True], [False, False]], None)
    """
    if isinstance(unobserved, (bool, np.bool_)) and not unobserved:
        return real_matrix("y", y), False, None
    filled = _with_zeros_for_nan(y)
    labels, missing = real_matrix("y", filled), np.zeros(np.shape(filled), bool)
    if filled is not y:
        missing = np.isnan(np.asarray(y, np.float64))
    is_flag = isinstance(unobserved, (bool, np.bool_))
    mask = missing if is_flag else _mask(unobserved, labels.shape)
    _check_known(missing & ~mask)
    if mask.all():
        raise input_error("at least one observed label", observed=0)
    if not mask.any():
        return labels, False, None
    hidden = np.where(mask & ~missing, labels, np.nan)
    has_hidden = bool((mask & ~missing).any())
    return np.where(mask, np.nan, labels), mask, hidden if has_hidden else None


def compressed_rows(
    x: np.ndarray, y: np.ndarray, observed: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return fewer rows with the same mean squared error over the observed labels of any kernel.

    Args:
        x: Features, shape (n, d).
        y: Labels, shape (n, k); whatever their value where they are unobserved.
        observed: Which labels are observed, shape (n, k).

    Returns:
        Features and labels, NaN where unobserved; None if there are no fewer rows.
    """
    patterns, group_of = np.unique(observed, axis=0, return_inverse=True)
    groups = [
        _compressed_group(x[of_group], y[of_group], pattern)
        for group, pattern in enumerate(patterns)
        for of_group in [group_of.ravel() == group]
        if pattern.any()
    ]
    features, labels = (np.concatenate(parts) for parts in zip(*groups, strict=True))
    if len(features) == len(x):
        return None
    # The sum of squares is the same; the mean is over other numbers of labels.
    scale = np.sqrt(np.count_nonzero(~np.isnan(labels)) / np.count_nonzero(observed))
    return features * scale, labels * scale


def _compressed_group(
    x: np.ndarray, y: np.ndarray, pattern: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the R factor of [x y] for rows with the same observed outputs, NaN for the others."""
    known = y[:, pattern]
    columns = x.shape[1] + known.shape[1]
    if len(x) > columns:
        r = np.asarray(np.linalg.qr(np.hstack([x, known]), mode="r"))
        x, known = r[:, : x.shape[1]], r[:, x.shape[1] :]
    labels = np.full((len(x), y.shape[1]), np.nan)
    labels[:, pattern] = known
    return x, labels


def _with_zeros_for_nan(y: Any) -> Any:
    """Return labels with 0 in place of NaN; what holds no numbers as it is, for the check of it."""
    try:
        values = np.asarray(y, np.float64)
    except (TypeError, ValueError):
        return y
    missing = np.isnan(values)
    return np.where(missing, 0.0, values) if missing.any() else y


def _mask(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    expected = f"True, False or a mask of bools of shape {shape} for unobserved"
    mask = resolve("unobserved", value, np.array, "True, False or a mask of bools")
    if mask.dtype.kind != "b" or mask.shape != shape:
        received = {"unobserved.shape": mask.shape} if mask.dtype.kind == "b" else {}
        raise input_error(expected, **(received or {"unobserved": value}))
    return mask


def _check_known(unknown: np.ndarray) -> None:
    """Raise an `InputError` that names the first NaN that is not marked as unobserved."""
    if unknown.any():
        row, column = np.argwhere(unknown)[0].tolist()
        raise input_error(
            "finite numbers for y where the mask does not say unobserved",
            **{f"y[{row}, {column}]": float("nan")},
        )
