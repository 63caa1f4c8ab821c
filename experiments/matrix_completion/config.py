"""The options of `python -m experiments.matrix_completion`, read before TensorFlow is imported."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Literal

from experiments.harness import limits
from experiments.harness.options import ShareOptions
from experiments.harness.parsing import option
from overparam_tf.errors import InputError


@dataclass(frozen=True)
class Config(ShareOptions):
    """Complete a matrix of low rank by products of matrices, by depth and start."""

    size: int = option(100, "rows and columns of the matrix", quick=30, within=(4, 1000))
    rank: int = option(5, "its rank", quick=2, within=(1, 1000))
    observations: tuple[int, ...] = option(
        (2000, 5000), "numbers of observed entries", quick=(350,), within=(1, 10**6)
    )
    depths: tuple[int, ...] = option(
        (1, 2, 3, 4), "numbers of factors", quick=(1, 2, 3), within=(1, 8)
    )
    scales: tuple[float, ...] = option(
        (1e-3, 1e-4, 1e-5, 1e-6),
        "starts: the product is this multiple of the identity",
        quick=(1e-3, 1e-4),
        within=(1e-12, 1),
    )
    draws: tuple[int, ...] = option(
        (0, 1, 2, 3, 4), "seeds of matrix and entries", quick=(0, 1), within=limits.SEEDS
    )
    steps: int = option(40_000, "the most steps of a run", quick=3_000, within=(1, 10**7))
    target: float = option(
        1e-6,
        "mean squared error over the observed entries at which a run ends",
        quick=1e-4,
        within=(1e-12, 1),
    )
    nuclear_norm: bool = option(
        False, "also the matrix of least nuclear norm (needs cvxpy; seconds for each draw)"
    )
    dtype: Literal["float32", "float64"] = option("float32", "precision of the training")

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = {"rank": self.rank, "size": self.size}
        self.require(self.rank <= self.size, "a rank of at most the size", **sizes)
        valid = max(self.observations) < self.size**2
        expected = f"observations below {self.size**2:,}, so that entries are left to complete"
        self.require(valid, expected, observations=self.observations)
        if self.nuclear_norm:
            check_solver()


def check_solver() -> None:
    """Check that the solver of the least nuclear norm is installed.

    Raises:
        InputError: If it is not; the line says how to install it.
    """
    if importlib.util.find_spec("cvxpy") is None:
        raise InputError(
            "Expected the package cvxpy for --nuclear-norm: pip install overparam_tf[baselines]. "
            "Received: an environment without it"
        )
