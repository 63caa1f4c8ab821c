"""Is a rate stable? The sharpness against 2 / rate, along a run and at the convex floor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from overparam_tf import convex_floor
from overparam_tf.datasets import Problem
from overparam_tf.dynamics import balance_defect, kernel_hessian, sharpness

P = 4


def stability_row(problem: Problem, factors: Sequence[np.ndarray], rate: float) -> dict[str, float]:
    """Return what decides stability at a point of a run, and what the theory conserves.

    Args:
        problem: The data, one output.
        factors: The factors F_1 (d, 1), F_2 .. F_N (1, 1), float64.
        rate: The learning rate of the step.

    Returns:
        rate; threshold (2 / rate), sharpness (largest eigenvalue of the Hessian in the factors);
        norm (|K|), effective_rate (|K|^(2-2/N)), curvature (largest eigenvalue of the Hessian in
        K); balance_defect (relative) and absolute_defect.
    """
    point = sharpness(factors, problem.x, problem.y, P)
    defect = balance_defect(factors)
    first, *numbers = factors
    norm = float(np.linalg.norm(first) * abs(np.prod([number.item() for number in numbers])))
    return {
        "rate": rate,
        "threshold": 2 / rate if rate > 0 else np.inf,
        "sharpness": point.value,
        "norm": norm,
        "effective_rate": norm ** (2 - 2 / len(factors)),
        "curvature": point.curvature,
        "balance_defect": float(defect.relative),
        "absolute_defect": float(defect.absolute),
    }


def crossing_step(trace: pd.DataFrame) -> float | None:
    """Return the step at which the sharpness first rises through the threshold.

    Args:
        trace: Snapshots of a run: columns step, sharpness, threshold.

    Returns:
        The step, by linear interpolation between snapshots; None if it never does.
    """
    quotient = (trace["sharpness"] / trace["threshold"]).to_numpy()
    steps = trace["step"].to_numpy()
    rises = np.flatnonzero((quotient[:-1] < 1) & (quotient[1:] >= 1))
    if not rises.size:
        return None
    before, after = rises[0], rises[0] + 1
    share = (1 - quotient[before]) / (quotient[after] - quotient[before])
    return float(steps[before] + share * (steps[after] - steps[before]))


def sharpness_at_floor(problem: Problem, depths: Sequence[int]) -> dict[str, float]:
    """Return, by depth, the sharpness at balanced factors of the best kernel.

    2 over it bounds every constant rate in the end. There dL/dK = 0, so that the Hessian's
    eigenvalues are those of P^(1/2) L''(K) P^(1/2), with P the preconditioner of Claim 1.

    Args:
        problem: The data, one output.
        depths: The depths.
    """
    kernel = convex_floor(problem.x, problem.y, P).kernel
    curvature = kernel_hessian((problem.x @ kernel - problem.y)[:, 0], problem.x, P)
    norm = float(np.linalg.norm(kernel))
    unit = kernel / norm
    values = {}
    for depth in depths:
        root = np.eye(len(kernel)) + (np.sqrt(depth) - 1) * unit @ unit.T
        scale = norm ** (2 - 2 / depth)
        values[str(depth)] = float(scale * np.linalg.eigvalsh(root @ curvature @ root)[-1])
    return values
