"""The options of the experiment."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.harness.options import ShareOptions
from experiments.harness.parsing import option
from overparam_tf.checks import even_exponent

# How many times as fine the finer grid of rates is.
REFINEMENT = 20


@dataclass(frozen=True)
class Config(ShareOptions):
    """Count the steps that the two-example toy takes, by ratio of the labels, p and depth."""

    ratios: tuple[int, ...] = option(
        (1, 2, 3, 5, 10, 20, 30, 50, 100), "large label over small label", within=(1, 1000)
    )
    powers: tuple[int, ...] = option((2, 4, 6), "p of the l_p loss, even", within=(2, 8))
    depths: tuple[int, ...] = option((1, 2, 3), "numbers of factors, 1 among them", within=(1, 8))
    rates_per_decade: int = option(
        10,
        f"grid of learning rates; the finer grid has {REFINEMENT} times as many",
        within=(1, 100),
    )
    steps: int = option(300_000, "the most steps taken", quick=20_000, within=(1, 10**8))
    start: float = option(
        1e-3, "both entries of the initial kernel, split into balanced factors", within=(1e-9, 1)
    )
    target: float = option(0.1, "largest error that counts as fitted", within=(1e-9, 1))

    def __post_init__(self) -> None:
        super().__post_init__()
        for power in self.powers:
            even_exponent("p", power)
        self.require(
            1 in self.depths, "depth 1 among the depths, to compare with", depths=self.depths
        )
        valid = self.start < 1 - self.target
        self.require(valid, "start < 1 - target", start=self.start, target=self.target)

    def closeup(self) -> tuple[int, int]:
        """Return p and ratio of the runs that the figures show in detail: nearest to 4 and 10."""
        p = min(self.powers, key=lambda p: abs(p - 4))
        ratio = min(self.ratios, key=lambda ratio: abs(ratio - 10))
        return p, ratio
