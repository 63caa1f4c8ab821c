"""What a comparison will take, from a few timed steps of each depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from overparam_tf.comparison.settings import Settings


@dataclass(frozen=True)
class DepthCost:
    """The cost of one depth.

    Attributes:
        parameters: Number of trainable parameters.
        bytes: Bytes of weights, gradients and optimizer state.
        compile_seconds: Seconds to make and compile the model.
        seconds_per_step: Seconds of a step.
    """

    parameters: int
    bytes: int
    compile_seconds: float
    seconds_per_step: float


@dataclass(frozen=True)
class Plan:
    """What `compare_depths(..., dry_run=True)` returns.

    Attributes:
        settings: The settings.
        costs: The cost of each depth, measured with the first optimizer.
        runs_per_cell: About how many runs each optimizer takes at each depth.
        data_bytes: Bytes of the training data.

    Example:
        >>> costs = {1: DepthCost(10, 160, 2.0, 0.001), 2: DepthCost(20, 320, 3.0, 0.002)}
        >>> settings = Settings.check((1, 2), "sgd", [0.1], [0, 1], 1000, 8, [0.5], None, "same")
        >>> plan = Plan(settings, costs, runs_per_cell=10, data_bytes=0)
        >>> plan.runs, plan.seconds
        (20, 35.0)
    """

    settings: Settings
    costs: Mapping[int, DepthCost]
    runs_per_cell: int
    data_bytes: int

    @property
    def runs(self) -> int:
        """Return about how many runs the comparison takes."""
        return self.runs_per_cell * len(self.settings.depths) * len(self.settings.optimizers)

    @property
    def seconds(self) -> float:
        """Return about how many seconds it takes."""
        per_run = self.settings.steps * self.runs_per_cell
        cells = sum(
            cost.compile_seconds + per_run * cost.seconds_per_step for cost in self.costs.values()
        )
        return len(self.settings.optimizers) * cells

    @property
    def bytes(self) -> int:
        """Return about how many bytes it takes: data, the largest model, and its starts."""
        largest = max(cost.bytes for cost in self.costs.values())
        starts = len(self.settings.seeds) * 2 * largest
        return self.data_bytes + largest + starts

    def __str__(self) -> str:
        """Return it as lines of text."""
        lines = [
            f"about {self.runs:,} runs of {self.settings.steps:,} steps, {self.seconds / 60:,.1f} "
            f"minutes, {self.bytes / 2**20:,.0f} MiB"
        ]
        for depth, cost in self.costs.items():
            lines.append(
                f"depth {depth}: {cost.parameters:,} parameters, {cost.bytes / 2**20:,.1f} MiB, "
                f"{cost.compile_seconds:.1f} s to compile, "
                f"{1000 * cost.seconds_per_step:.2f} ms a step"
            )
        return "\n".join(lines)
