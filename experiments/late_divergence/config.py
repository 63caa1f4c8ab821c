"""The options of the experiment.

What needs TensorFlow is imported within methods: `--help` and bad input need not wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from experiments.harness.limits import SEEDS
from experiments.harness.options import DataOptions
from experiments.harness.parsing import option
from overparam_tf.datasets import Problem

if TYPE_CHECKING:
    from experiments.late_divergence.monitored_run import Method, Plan

PLAIN = "constant rate"


@dataclass(frozen=True)
class Config(DataOptions):
    """Train a factorised layer into its late divergence, and try what might prevent it."""

    depth: int = option(3, "number of factors", within=(2, 8))
    shallower: int = option(2, "number of factors of the run to compare with", within=(1, 7))
    learning_rate: float = option(1e-3, "the rate", quick=4e-3, within=(1e-12, 1e3))
    steps: int = option(600_000, "full-batch steps", quick=16_000, within=(10, 10**8))
    snapshots: int = option(
        150, "how many times over a run the Hessian is taken", quick=30, within=(1, 10**4)
    )
    clips: tuple[float, ...] = option(
        (1.0, 0.1), "largest norms of the gradient, for clipping", within=(1e-12, 1e6)
    )
    init: Literal["near_zero", "balanced"] = option(
        "near_zero", "how the factors start: see Variant"
    )
    seed: int = option(0, "seed of the initial factors", within=SEEDS)

    def __post_init__(self) -> None:
        super().__post_init__()
        valid = self.shallower < self.depth
        self.require(valid, "shallower < depth", shallower=self.shallower)

    def methods(self) -> list[Method]:
        """Return what is trained: the run to explain, a shallower one, and the remedies."""
        from keras.optimizers.schedules import CosineDecay, InverseTimeDecay

        from experiments.late_divergence.monitored_run import CAP, Method

        depth, rate, steps = self.depth, self.learning_rate, self.steps
        tenth = max(steps // 10, 1)
        clipped = [Method(f"clipped at {clip:g}", depth, rate, clip=clip) for clip in self.clips]
        return [
            Method(PLAIN, depth, rate),
            Method(f"depth {self.shallower}", self.shallower, rate),
            Method("half the rate", depth, rate / 2),
            Method(f"rate / (1 + t / {tenth:,})", depth, InverseTimeDecay(rate, tenth, 1.0)),
            Method("cosine decay to 0", depth, CosineDecay(rate, steps)),
            *clipped,
            Method(f"capped at {CAP:g} / sharpness", depth, rate, capped=True),
        ]

    def plan(self, problem: Problem) -> Plan:
        """Return the settings that all methods share."""
        from experiments.late_divergence.monitored_run import Plan

        return Plan(
            problem=problem,
            steps=self.steps,
            snapshots=self.snapshots,
            initial_factors=self.init,
            seed=self.seed,
            dtype=self.dtype,
            quiet=self.quiet,
        )
