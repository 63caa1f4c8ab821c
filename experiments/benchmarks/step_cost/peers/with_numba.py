"""A limit: one core, one pass over the data a step, as a C programmer would write it, compiled by numba."""

from __future__ import annotations

import numba
import numpy as np

from .serve import serve
from .task import Task


@numba.njit(fastmath=True)
def descend(x, y, kernel, rate, p, steps):
    """Gradient descent on one output: each row is read once a step, for its residual and at once for its gradient."""
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
        self._rate, self._p = np.float32(task.rates[-1]), task.p

    def advance(self, steps: int) -> None:
        """All in one call."""
        descend(self._x, self._y, self._kernel, self._rate, self._p, steps)

    def kernel(self) -> np.ndarray:
        """The kernel as a column."""
        return self._kernel[:, None]


if __name__ == "__main__":
    serve({"fused": FusedPass}, {"numba": numba.__version__})
