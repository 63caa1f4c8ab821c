"""The curvature of a low-rank problem at its own matrix, the unit of learning rates."""

from __future__ import annotations

import numpy as np

from overparam_tf.datasets import Problem, SensingProblem


def curvature_of(problem: Problem, depth: int) -> float:
    """Return about the largest curvature of the mean squared error in factors of the matrix itself.

    That of the loss in the kernel is 2 / m for m observed entries, and 2 |x|^2 / m for m inner
    products. In N balanced factors it is multiplied by N |W|^(2 - 2/N). All norms are spectral.

    Args:
        problem: Matrix completion or sensing, whose matrix W is known from what is held out.
        depth: Number of factors N.
    """
    matrix, data = problem.held_out.y, 1.0
    if isinstance(problem, SensingProblem):
        data = np.linalg.norm(problem.x, 2) ** 2
    else:
        matrix = np.where(problem.observed, problem.y, matrix)
    norm = np.linalg.norm(matrix, 2)
    return float(2 * data / problem.observations * depth * norm ** (2 - 2 / depth))
