"""The options of the experiment, and the searches for the best rates that they stand for.

What needs TensorFlow is imported within methods: `--help` and bad input need not wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from experiments.harness.limits import SEEDS, STEPS
from experiments.harness.options import DataOptions
from experiments.harness.parsing import option

if TYPE_CHECKING:
    from experiments.harness.parts import Part
    from experiments.harness.sweep_shares import Search
    from overparam_tf.sweep import History, Variant

OptimizerName = Literal[
    "SGD", "momentum", "Nesterov", "AdaGrad", "RMSprop", "AdaDelta", "Adam", "AdamW"
]
# Targets: shares of the zero kernel's excess loss over the floor.
SHARES = {"50%": 0.5, "10%": 0.1, "3%": 0.03, "1%": 0.01}
TARGETS = list(SHARES)
# About how many rates a fine grid has, in the default run; shares are balanced by it.
FINE_RATES: dict[OptimizerName, int] = {
    "SGD": 10,
    "momentum": 9,
    "Nesterov": 10,
    "AdaGrad": 13,
    "RMSprop": 25,
    "AdaDelta": 27,
    "Adam": 20,
    "AdamW": 21,
}


@dataclass(frozen=True)
class Config(DataOptions):
    """Measure the speed-up by depth for every optimizer, with intervals over seeds."""

    powers: tuple[int, ...] = option(
        (2, 4, 6), "p of the l_p losses, with 1/p, even", quick=(2, 4), within=(2, 8)
    )
    optimizers: tuple[OptimizerName, ...] = option(get_args(OptimizerName), "optimizers to compare")
    depths: tuple[int, ...] = option(
        (1, 2, 3, 4), "numbers of factors, 1 among them", within=(1, 16)
    )
    rule_depths: tuple[float, ...] = option(
        (1.5, 2.5), "depths of the end-to-end rule, trained with SGD", within=(1.01, 16)
    )
    behind_rule: bool = option(
        False, "each other optimizer behind the rule too, at its depths: `EndToEnd(optimizer)`"
    )
    init: Literal["near_zero", "balanced"] = option(
        "balanced", "how the factors start: see Variant"
    )
    steps: int = option(30_000, "full-batch steps", quick=1_500, within=STEPS)
    seeds: tuple[int, ...] = option(
        (0, 1, 2, 3, 4), "seeds of the initial factors", quick=(0, 1), within=SEEDS
    )
    price_seconds: float = option(
        0.8,
        "seconds to time the steps of an optimizer, compiling not included",
        quick=0.2,
        within=(0, 3600),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        depths = self.depths
        self.require(1 in depths, "depth 1 among the depths, to compare with", depths=depths)
        valid = all(p % 2 == 0 for p in self.powers)
        self.require(valid, "even powers", powers=self.powers)

    def variants(
        self, optimizer: OptimizerName, seeds: Sequence[int], tenths: Mapping[str, Sequence[int]]
    ) -> list[Variant]:
        """Return one optimizer at every depth, and the end-to-end rule at its depths.

        SGD has the rule itself, and with `behind_rule` every other one the gradients that it turns.

        Args:
            optimizer: The optimizer.
            seeds: Seeds of the initial factors.
            tenths: Grid of rates by the variant's name, in tenths of a decade; the others have the
                coarse grid.
        """
        from experiments.speedup.grids import COARSE, rate_of
        from experiments.speedup.optimizers import OPTIMIZERS
        from overparam_tf.sweep import Variant

        cases: list[tuple[str, float, str]] = [
            (f"{optimizer}, depth {depth}", depth, "factors") for depth in sorted(self.depths)
        ]
        for depth in sorted(self.rule_depths):
            if optimizer == "SGD":
                cases.append((f"rule, depth {depth:g}", depth, "end_to_end"))
            elif self.behind_rule:
                name = f"{optimizer}, behind the rule, depth {depth:g}"
                cases.append((name, depth, "preconditioned"))
        return [
            Variant(
                name,
                depth=depth,
                optimizer=OPTIMIZERS[optimizer](),
                learning_rates=[rate_of(tenth) for tenth in tenths.get(name, COARSE)],
                seeds=seeds,
                initial_factors=self.init,
                update=update,
            )
            for name, depth, update in cases
        ]

    def search(self, part: Part, optimizer: OptimizerName) -> Search:
        """Return the search of one optimizer: coarse grids and, around the best rates, fine ones.

        Args:
            part: The part of the loss.
            optimizer: The optimizer.
        """
        from experiments.harness.sweep_shares import Search
        from experiments.speedup.grids import fine_tenths

        title = f"{part.name} {optimizer}"

        def finer(variants: Sequence[Variant], coarse: History) -> list[Variant]:
            tenths = {
                variant.name: fine_tenths(
                    coarse.runs[coarse.runs["variant"] == variant.name], TARGETS
                )
                for variant in variants
            }
            names = [variant.name for variant in variants]
            return [
                variant
                for variant in self.variants(optimizer, self.seeds, tenths)
                if variant.name in names
            ]

        coarse = replace(
            part, name=f"{title} coarse", variants=self.variants(optimizer, self.seeds[:1], {})
        )
        return Search(coarse, f"{title} fine", FINE_RATES[optimizer] * len(self.seeds), finer)

    def tensorboard_runs(self) -> list[str]:
        """Return the names of TensorBoard's runs: the depths, and those of the rule."""
        from experiments.speedup.tensorboard_log import run_of

        names = [
            (variant.name, name)
            for name in self.optimizers
            for variant in self.variants(name, self.seeds[:1], {})
        ]
        return list(dict.fromkeys(run_of(*pair) for pair in names))
