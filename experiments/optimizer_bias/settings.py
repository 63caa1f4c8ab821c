"""The problems on which optimizers are compared."""

from __future__ import annotations

from dataclasses import dataclass

from overparam_tf.datasets import Problem, matrix_completion, matrix_sensing


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
