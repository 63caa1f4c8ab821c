"""The convex rival of depth: the matrix of least nuclear norm that has the observed entries."""

from __future__ import annotations

import warnings

import numpy as np

from overparam_tf.datasets import Problem
from overparam_tf.errors import InputError


def least_nuclear_norm(problem: Problem) -> np.ndarray:
    """Return the matrix of least nuclear norm with the observed entries of a problem, by SCS.

    A warning says so if the solver has not reached its accuracy.

    Raises:
        InputError: If the solver has found no matrix.

    Source:
        Candes & Recht, "Exact matrix completion via convex optimization" (2009).
    """
    import cvxpy

    kernel = cvxpy.Variable(problem.y.shape)
    observed, labels = problem.observed, np.nan_to_num(problem.y)
    meets = cvxpy.multiply(observed.astype(float), kernel - labels) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = cvxpy.Problem(cvxpy.Minimize(cvxpy.normNuc(kernel)), [meets])
        search.solve(solver=cvxpy.SCS)
    if kernel.value is None:
        raise InputError(
            f"Expected a matrix of least nuclear norm from SCS. Received: {search.status}"
        )
    if search.status != cvxpy.OPTIMAL:
        warnings.warn(f"least nuclear norm: SCS ends {search.status}", UserWarning, stacklevel=2)
    return np.asarray(kernel.value)
