"""NumPy: a loop with gradients by hand; and a limit, the two matrix products of a step alone."""

from __future__ import annotations

import functools

import numpy as np

from .serve import serve
from .task import Task
from .updates import first_slots, updated


class Loop:
    """Gradients by the chain rule on the end-to-end kernel, and the optimizers' formulas."""

    def __init__(self, task: Task):
        self._task, self._rate = task, np.float32(task.shared_rate)
        self._factors = list(task.factors)
        self._slots = [first_slots(task, factor) for factor in self._factors]
        self._steps = 0

    def advance(self, steps: int) -> None:
        """Take each step: a pass over the data, then the update of every factor."""
        x, y, p = self._task.x, self._task.y, self._task.p
        for _ in range(steps):
            self._steps += 1
            error = x @ self.kernel() - y
            power = functools.reduce(np.multiply, [error] * (p - 1))
            gradients = self._factor_gradients((power.T @ x).T / np.float32(error.size))
            for j, (factor, gradient) in enumerate(zip(self._factors, gradients, strict=True)):
                self._factors[j], self._slots[j] = updated(
                    self._task, self._rate, factor, gradient, self._slots[j], self._steps
                )

    def _factor_gradients(self, gradient: np.ndarray) -> list[np.ndarray]:
        """Return (F_1 .. F_(j-1))^T G (F_(j+1) .. F_N)^T for every j."""
        gradients = []
        for j in range(len(self._factors)):
            carried = functools.reduce(lambda g, factor: factor.T @ g, self._factors[:j], gradient)
            after = reversed(self._factors[j + 1 :])
            gradients.append(functools.reduce(lambda g, factor: g @ factor.T, after, carried))
        return gradients

    def kernel(self) -> np.ndarray:
        """Return the product of the factors."""
        return functools.reduce(np.matmul, self._factors)


class Products:
    """The limit: (R, d) @ (d, n) and (R, n) @ (n, d) by BLAS, with the shapes of the sweep."""

    def __init__(self, task: Task):
        runs, (rows, features), outputs = len(task.rates), task.x.shape, task.y.shape[1]
        self._x, self._x_transposed = task.x, np.ascontiguousarray(task.x.T)
        self._kernels = np.repeat(functools.reduce(np.matmul, task.factors).T, runs, axis=0)
        self._residuals = np.empty((runs * outputs, rows), np.float32)
        self._gradients = np.empty((runs * outputs, features), np.float32)

    def advance(self, steps: int) -> None:
        """Take both products for each step, into memory that is allocated already."""
        for _ in range(steps):
            np.matmul(self._kernels, self._x_transposed, out=self._residuals)
            np.matmul(self._residuals, self._x, out=self._gradients)

    def kernel(self) -> None:
        """Return None: it does not train."""


if __name__ == "__main__":
    serve({"loop": Loop, "products": Products}, {"numpy": np.__version__})
