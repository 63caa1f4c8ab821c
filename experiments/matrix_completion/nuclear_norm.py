"""The convex rival of depth: the matrix of least nuclear norm that has the observed entries."""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np

from overparam_tf.datasets import Problem
from overparam_tf.errors import InputError


def check_solver() -> None:
    """Check that the solver is installed.

    Raises:
        InputError: If it is not; the line says how to install it.
    """
    if importlib.util.find_spec("cvxpy") is None:
        raise InputError(
            "Expected the package cvxpy for --nuclear-norm: pip install overparam_tf[baselines]. "
            "Received: an environment without it"
        )


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
