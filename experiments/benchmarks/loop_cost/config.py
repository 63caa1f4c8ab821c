"""The options of the benchmark."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.harness.options import RunOptions
from experiments.harness.parsing import option


@dataclass(frozen=True)
class Config(RunOptions):
    """Time a step of our training loop against one of Keras `fit`."""

    rounds: int = option(10, "turns of each", quick=2, within=(1, 1000))
    steps: int = option(50, "steps of a turn", within=(1, 1000))
