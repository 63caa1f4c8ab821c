"""The options of the benchmark.

What needs TensorFlow is imported within methods: `--help` and bad input need not wait for it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from experiments.harness.options import RunOptions
from experiments.harness.parsing import option

if TYPE_CHECKING:
    from experiments.benchmarks.layer_cost.layers import Workload

Compiler = Literal["xla", "graph"]
Name = Literal["conv1", "conv2", "fc1", "fc2", "projection", "attention", "up", "down"]
SIZES = (1, 10_000)


@dataclass(frozen=True)
class Config(RunOptions):
    """Time factorised layers against plain ones and against their collapsed form."""

    part: Literal["all", "dense", "models"] = option("all", "which measurements")
    inputs: tuple[int, ...] = option(
        (128, 1024, 4096), "part dense: numbers of inputs", quick=(128, 1024), within=SIZES
    )
    units: tuple[int, ...] = option(
        (10, 512, 2048), "part dense: numbers of units", quick=(10, 512), within=SIZES
    )
    batches: tuple[int, ...] = option(
        (32, 1024), "part dense: batch sizes", quick=(1024,), within=SIZES
    )
    compilers: tuple[Compiler, ...] = option(
        ("xla", "graph"), "part dense: how steps are compiled", quick=("xla",)
    )
    layers: tuple[Name, ...] = option(
        get_args(Name), "part models: which layers", quick=("conv1", "fc1")
    )
    seconds: float = option(
        1.0, "seconds to spend on each comparison", quick=0.2, within=(0.001, 3600)
    )

    def dense_workloads(self) -> list[Workload]:
        """Return the layers of part "dense"."""
        from experiments.benchmarks.layer_cost.layers import dense

        if self.part == "models":
            return []
        sizes = itertools.product(self.inputs, self.units, self.batches)
        return [dense(inputs, units, batch) for inputs, units, batch in sizes]

    def model_workloads(self) -> list[Workload]:
        """Return the layers of part "models"."""
        from experiments.benchmarks.layer_cost.layers import MODELS

        return [] if self.part == "dense" else [MODELS[name] for name in self.layers]
