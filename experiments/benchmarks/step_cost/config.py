"""The options of the benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from experiments.benchmarks.step_cost.contestants import Setting, settings_of
from experiments.benchmarks.step_cost.scaling import AXES, AxisName
from experiments.harness.options import RunOptions
from experiments.harness.parsing import option


@dataclass(frozen=True)
class Config(RunOptions):
    """Measure what a step costs: the sweep, its peers, the machine's limits, and how it scales."""

    part: Literal["contest", "scaling", "job", "all"] = option(
        "all", "contest: side by side; scaling: the sweep alone; job: all of optimizer_compare"
    )
    depths: tuple[int, ...] = option(
        (1, 2, 3),
        "depths of the contest; with --quick of gradient descent alone",
        quick=(1,),
        within=(1, 8),
    )
    rounds: int = option(5, "bursts of each contestant", quick=2, within=(1, 1000))
    seconds: float = option(0.2, "length of a burst", quick=0.05, within=(0.001, 60))
    start_ups: int = option(2, "how often to start optimizer_compare", quick=1, within=(1, 1000))
    axes: tuple[AxisName, ...] = option(
        tuple(AXES), "scaling: which sizes to vary", quick=("compressed_rows",)
    )
    points: int = option(
        5, "scaling: largest number of values, the smallest first", quick=2, within=(1, 5)
    )
    job_share: float = option(
        0.1,
        "job: share of its steps that the sweep takes; the rest is extrapolated",
        quick=0.001,
        within=(1e-5, 1),
    )
    timeout: float = option(
        120.0,
        "seconds after which a worker that does not answer is given up",
        within=(1, 3600),
    )

    def has(self, part: Literal["contest", "scaling", "job"]) -> bool:
        """Return whether a part is measured."""
        return self.part in (part, "all")

    def settings(self) -> list[Setting]:
        """Return optimizers and depths of the contest."""
        settings = settings_of(sorted(self.depths))
        return [each for each in settings if each.optimizer == "sgd" or not self.quick]
