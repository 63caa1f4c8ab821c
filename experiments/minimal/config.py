"""The options of the experiment."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.harness.limits import SEEDS, STEPS
from experiments.harness.options import DataOptions
from experiments.harness.parsing import option


@dataclass(frozen=True)
class Config(DataOptions):
    """Train linear regression by gradient descent on w and on a product, and by AdaGrad."""

    steps: int = option(50_000, "full-batch steps", quick=5_000, within=STEPS)
    seeds: tuple[int, ...] = option((0,), "seeds of the initial factors", within=SEEDS)
