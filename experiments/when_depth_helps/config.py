"""The options of the experiment."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from experiments.harness.limits import SEEDS
from experiments.harness.options import DataOptions
from experiments.harness.parsing import option
from overparam_tf.checks import even_exponent
from overparam_tf.datasets import Problem, synthetic_regression


@dataclass(frozen=True)
class Difficulty:
    """The three numbers of a generated problem.

    Attributes:
        condition: Condition number of x^T x.
        kurtosis: Mean z^4 of the standardised label.
        alignment: Share of the explained variance along the leading quarter of directions.
    """

    condition: float
    kurtosis: float
    alignment: float


@dataclass(frozen=True)
class Config(DataOptions):
    """Measure the speed-up of depth 2 by condition number, label tail and alignment."""

    powers: tuple[int, ...] = option((2, 4, 6), "p of the l_p loss, even", within=(2, 8))
    conditions: tuple[float, ...] = option(
        (1.0, 1e2, 1e4, 1e6, 1e8, 1e10), "condition numbers of x^T x", quick=(1.0, 1e2, 1e4)
    )
    kurtoses: tuple[float, ...] = option(
        (1.5, 3.0, 6.0, 12.0, 24.0), "mean z^4 of the label", quick=(3.0, 12.0)
    )
    alignments: tuple[float, ...] = option(
        (0.25, 0.6, 0.95),
        "share of the explained variance along the leading quarter of directions",
        quick=(0.25, 0.95),
    )
    targets: tuple[float, ...] = option(
        (0.1, 0.01), "shares of the zero kernel's excess loss to reach"
    )
    rows: int = option(128, "n of the generated problems", within=(4, 10**6))
    features: int = option(16, "d of the generated problems", within=(2, 512))
    explained: float = option(
        0.9, "share of the label's variance that the best linear predictor explains"
    )
    rates_per_decade: int = option(8, "learning rates a decade", within=(1, 100))
    steps: int = option(20_000, "the most steps taken", quick=1_000, within=(1, 10**8))
    seeds: tuple[int, ...] = option((0, 1, 2), "seeds of problem and start", within=SEEDS)

    def __post_init__(self) -> None:
        super().__post_init__()
        for power in self.powers:
            even_exponent("p", power)
        valid = all(0 < target < 1 for target in self.targets)
        self.require(valid, "targets between 0 and 1", targets=self.targets)
        sizes = {"rows": self.rows, "features": self.features}
        self.require(self.rows * self.features <= 10**7, "at most 10^7 numbers", **sizes)
        # The generator's own check, before any folder is made, of all corners of the grid.
        axes = self.conditions, self.kurtoses, self.alignments, self.seeds
        for *corner, seed in itertools.product(*((min(axis), max(axis)) for axis in axes)):
            self.generate(Difficulty(*corner), seed)

    def generate(self, difficulty: Difficulty, seed: int) -> Problem:
        """Return a generated problem."""
        x, y = synthetic_regression(
            self.rows,
            self.features,
            condition=difficulty.condition,
            kurtosis=difficulty.kurtosis,
            alignment=difficulty.alignment,
            explained=self.explained,
            seed=seed,
        )
        provenance = f"synthetic_regression, seed {seed}"
        return Problem("generated", x, y, provenance, "none", synthetic=True)

    def grid(self) -> Iterator[tuple[int, Difficulty, int]]:
        """Yield p, difficulty and seed of every generated problem."""
        for p in sorted(self.powers):
            # At p = 2 every kurtosis has the same steps.
            kurtoses = (min(self.kurtoses),) if p == 2 else sorted(self.kurtoses)
            axes = sorted(self.conditions), kurtoses, sorted(self.alignments), self.seeds
            for condition, kurtosis, alignment, seed in itertools.product(*axes):
                yield p, Difficulty(condition, kurtosis, alignment), seed
