"""A limit: one core, one pass over the data a step, as one writes it in C, compiled by numba."""

from __future__ import annotations

import numba
import numpy as np

from .serve import serve
from .task import Task


@numba.njit(fastmath=True)
def descend(x, y, kernel, rate, p, steps):
    """Take steps of gradient descent on one output, in place.

    Each row is read once a step: its residual is followed at once by its part of the gradient.

    Args:
        x: Features, (n, d).
        y: Targets, (n,).
        kernel: The kernel, (d,).
        rate: The learning rate.
        p: Exponent of the loss.
        steps: Number of steps.
    """
    rows, features = x.shape
    gradient = np.empty(features, np.float32)
    for _ in range(steps):
        gradient[:] = 0
        for i in range(rows):
            error = -y[i]
            for j in range(features):
                error += x[i, j] * kernel[j]
            power = error
            for _ in range(p - 2):
                power *= error
            for j in range(features):
                gradient[j] += power * x[i, j]
        for j in range(features):
            kernel[j] -= rate / rows * gradient[j]


class FusedPass:
    """Plain gradient descent, depth 1, one output."""

    def __init__(self, task: Task):
        (factor,) = task.factors
        self._x, self._y, self._kernel = task.x, task.y[:, 0].copy(), factor[:, 0].copy()
        self._rate, self._p = np.float32(task.shared_rate), task.p

    def advance(self, steps: int) -> None:
        """Take all steps in one call."""
        descend(self._x, self._y, self._kernel, self._rate, self._p, steps)

    def kernel(self) -> np.ndarray:
        """Return the kernel as a column."""
        return self._kernel[:, None]


if __name__ == "__main__":
    serve({"fused": FusedPass}, {"numba": numba.__version__})
