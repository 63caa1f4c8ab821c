"""The oscillation of the weights before a blow-up: as measured, and as linear theory predicts it.

Along an eigenvector of the Hessian with the eigenvalue lambda, a step of gradient descent at the
rate eta multiplies the distance to the minimum by 1 - eta lambda. Above lambda = 2 / eta it swings
to and fro, each time eta lambda - 1 times as far.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

# An oscillation is compared with linear theory where it is larger than this multiple of what
# rounding leaves, and smaller than this swing. At 1e-4 the sharpness on its two sides differs by a
# hundredth; the exponential growth bends with the square of that.
NOISE, LARGEST_SWING = 30.0, 1e-4
# How many steps before the crossing show the noise.
NOISE_STEPS = 500


def swing_along(entries: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return what alternates from step to step along a direction, the drift taken out.

    Args:
        entries: All entries of all factors at successive steps, (S, parameters).
        direction: A unit vector, (parameters,).

    Returns:
        Half the distance between the two sides, at all steps but the first and the last, (S - 2,).

    Example: to and fro by 1, on a drift of 1 a step.

        >>> steps = np.arange(5.0)
        >>> swing_along((steps + (-1) ** steps)[:, None], np.ones(1)).tolist()
        [1.0, 1.0, 1.0]
    """
    along = entries.astype(np.float64) @ direction
    return np.abs(along[2:] - 2 * along[1:-1] + along[:-2]) / 4


def two_step_quotients(trace: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return sharpness over 2 / rate along a run, the mean of two successive steps.

    A swing of the weights by a along an eigenvector changes the sharpness by about a times its
    slope there, up on one side, down on the other: over two steps it cancels, while the steps of
    one side alone would be far off. Snapshots without a successor count only before the first pair,
    where the weights do not swing yet.

    Args:
        trace: Snapshots of a run: columns step, sharpness, threshold.

    Returns:
        Steps (of a pair their mean) and quotients.
    """
    # Once the swing is large, it changes the sharpness to second order too.
    small = trace[trace["sharpness"] < 1.1 * trace["threshold"]]
    steps = small["step"].to_numpy()
    quotients = (small["sharpness"] / small["threshold"]).to_numpy()
    pairs = np.flatnonzero(np.diff(steps) == 1)
    if not len(pairs):
        return steps, quotients
    single = np.arange(pairs[0])
    means = (quotients[pairs] + quotients[pairs + 1]) / 2
    return (
        np.concatenate([steps[single], steps[pairs] + 0.5]),
        np.concatenate([quotients[single], means]),
    )


def predicted_log_growth(steps: np.ndarray, trace: pd.DataFrame) -> np.ndarray:
    """Return the logarithm of the growth of an oscillation since the first step, by linear theory.

    It is the sum of log |rate x sharpness - 1| over the steps.

    Args:
        steps: Successive steps.
        trace: Snapshots of the run.
    """
    known_steps, quotients = two_step_quotients(trace)
    factors = 2 * np.interp(steps, known_steps, quotients) - 1
    return np.cumsum(np.log(np.abs(factors)))


def linear_stretch(steps: np.ndarray, swing: np.ndarray, crossed_at: float) -> slice:
    """Return the steps on which an oscillation can be compared with linear theory.

    They begin after the crossing, once the swing stands out of the noise before it, and end before
    the swing is large.

    Args:
        steps: Successive steps.
        swing: The swing at each of them.
        crossed_at: Where the sharpness passes 2 / rate.

    Returns:
        A slice of `steps`; empty if there are none.
    """
    begin = int(np.searchsorted(steps, crossed_at))
    noise = np.median(swing[max(begin - NOISE_STEPS, 0) : begin]) if begin else 0.0
    large = np.flatnonzero(swing[begin:] > LARGEST_SWING)
    end = begin + int(large[0]) if len(large) else len(swing)
    noisy = np.flatnonzero(swing[begin:end] < NOISE * noise)
    start = begin + int(noisy[-1]) + 1 if len(noisy) else begin
    return slice(start, end)
