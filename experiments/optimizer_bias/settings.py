"""The problems on which optimizers are compared, and the curvature of their loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from overparam_tf.datasets import Problem, SensingProblem, matrix_completion, matrix_sensing


@dataclass(frozen=True)
class Setting:
    """A kind of problem; its draws differ by a seed.

    Attributes:
        kind: Completion or sensing.
        size: Rows and columns of the matrix.
        rank: Its rank.
        observations: Entries, or products with matrices.
        with_all: Whether all optimizers are compared on it, or those of the claims alone.
    """

    kind: str
    size: int
    rank: int
    observations: int
    with_all: bool = False

    def problem(self, draw: int) -> Problem:
        """Return the problem of a draw."""
        generate = matrix_sensing if self.kind == "sensing" else matrix_completion
        return generate(self.size, self.rank, self.observations, seed=draw)

    @property
    def words(self) -> str:
        """Return what it is, in words."""
        what = "products" if self.kind == "sensing" else "entries"
        matrix = f"{self.size} x {self.size}, rank {self.rank}"
        return f"{self.kind}, {matrix}, {self.observations:,} {what}"


SETTINGS = {
    "completion": Setting("completion", 50, 3, 800, with_all=True),
    "sensing": Setting("sensing", 30, 2, 300),
    "large": Setting("completion", 100, 5, 2000),
    # For short runs.
    "tiny": Setting("completion", 16, 2, 130, with_all=True),
    "tiny-sensing": Setting("sensing", 10, 1, 50),
}


def curvature_of(problem: Problem, depth: int) -> float:
    """Return about the largest curvature of the mean squared error in factors of the matrix itself.

    That of the kernel, 2 |x|^2 / m for m observed labels, times N |W|^(2 - 2/N) for N balanced
    factors, with spectral norms.

    Args:
        problem: A problem whose matrix is known from what is held out.
        depth: Number of factors N.
    """
    held_out, data = problem.held_out.y, 1.0
    if isinstance(problem, SensingProblem):
        data = np.linalg.norm(problem.x, 2) ** 2
    else:
        held_out = np.where(problem.observed, problem.y, held_out)
    norm = np.linalg.norm(held_out, 2)
    return float(2 * data / problem.observations * depth * norm ** (2 - 2 / depth))
