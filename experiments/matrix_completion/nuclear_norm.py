"""The convex rival of depth: the matrix of least nuclear norm that has the observed entries."""

from __future__ import annotations

import warnings

import numpy as np

from overparam_tf.datasets import Problem


def least_nuclear_norm(problem: Problem) -> np.ndarray:
    """Return the matrix of least nuclear norm with the observed entries of a problem, by SCS.

    Source:
        Candes & Recht, "Exact matrix completion via convex optimization" (2009).
    """
    import cvxpy

    kernel = cvxpy.Variable(problem.y.shape)
    observed, labels = problem.observed, np.nan_to_num(problem.y)
    meets = cvxpy.multiply(observed.astype(float), kernel - labels) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cvxpy.Problem(cvxpy.Minimize(cvxpy.normNuc(kernel)), [meets]).solve(solver=cvxpy.SCS)
    return np.asarray(kernel.value)
