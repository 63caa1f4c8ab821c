"""The check that a problem has anything to learn from."""

from __future__ import annotations

from overparam_tf.datasets.problem import Problem
from overparam_tf.errors import DataError


def check_variation(problem: Problem) -> None:
    """Check that a problem has at least two rows, labels that differ, and a feature that does.

    Without them the best kernel is 0, and no loss, rate or speed-up means anything.

    Args:
        problem: The problem.

    Raises:
        DataError: If it has not.

    Example:
        >>> import numpy as np
        >>> x = np.arange(6.0).reshape(3, 2)
        >>> constant = Problem("toy", x, np.ones((3, 1)), "made here", "none", synthetic=True)
        >>> check_variation(constant)
        Traceback (most recent call last):
        overparam_tf.errors.DataError: Expected labels that differ... Received: 3 rows, all 1...
    """
    if problem.rows < 2:
        raise DataError(f"Expected at least two rows in {problem.label}. Received: {problem.rows}")
    labels = problem.known_labels
    if (labels == labels[0]).all():
        received = f"{problem.rows} rows, all {labels.flat[0]:g}"
        raise DataError(f"Expected labels that differ in {problem.label}. Received: {received}")
    if (problem.x == problem.x[0]).all():
        raise DataError(
            f"Expected a feature that differs from row to row in {problem.label}. "
            f"Received: {problem.rows} equal rows"
        )
