"""The options of the experiment.

What needs TensorFlow is imported within methods: `--help` and bad input need not wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from experiments.harness import limits
from experiments.harness.options import DataOptions
from experiments.harness.parsing import option

if TYPE_CHECKING:
    from experiments.emulated_update.pairs import Pair
    from overparam_tf.sweep import Variant

# Stable at depths 2 and 3 for 200,000 steps: l_4 diverges late above.
RATES = {2: (1e-4, 3e-4, 1e-3), 4: (1e-5, 3e-5, 1e-4)}
# The course's rate and, for the limit of small rates, two others: under l_2 above, so that all
# runs leave the plateau in time; under l_4, where 1e-3 is near the edge of stability, below.
UVA_RATES = {2: (1e-3, 2e-3, 4e-3), 4: (1e-4, 2e-4, 1e-3)}
# l_2 has an exact short cut, l_4 must pass over all rows, in float64.
STEPS = {2: 200_000, 4: 50_000}
UVA_STEPS = 200_000
QUICK_STEPS = 2_000


@dataclass(frozen=True)
class Config(DataOptions):
    """Compare training of real factors with the end-to-end rule of Theorem 1."""

    preset: Literal["paper", "uva"] = option(
        "paper",
        "paper: Theorem 1 from balanced and near-zero starts; uva: the 2019 course team's setting "
        "(near zero), real factors beside Theorem 1, the rule with the conserved differences, and "
        "the exact step",
    )
    dtype: Literal["float32", "float64"] = option(
        "float64", "precision; float32's round-off hides the smaller gaps"
    )
    losses: tuple[Literal["l2", "l4"], ...] = option(("l2", "l4"), "the l_p losses, with 1/p")
    depths: tuple[int, ...] = option((2, 3), "numbers of factors N", within=limits.DEPTHS)
    widths: tuple[int, ...] = option((1, 20, 128), "inner widths", within=limits.WIDTHS)
    learning_rates: tuple[float, ...] | None = option(
        None, "rates (default: three stable ones for each loss)", within=limits.RATES
    )
    steps: int | None = option(
        None,
        f"full-batch steps (default: {STEPS[2]} for l2, {STEPS[4]} for l4, uva {UVA_STEPS}, "
        f"with --quick {QUICK_STEPS})",
        within=limits.STEPS,
    )
    seeds: tuple[int, ...] = option(
        (0, 1, 2), "seeds of the initial factors", quick=(0,), within=limits.SEEDS
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        expected = "depths >= 2 (depth 1 is the rule itself)"
        self.require(min(self.depths) >= 2, expected, depths=self.depths)

    @property
    def powers(self) -> list[int]:
        """Return the exponents of the losses."""
        return [int(name.removeprefix("l")) for name in self.losses]

    def steps_under(self, p: int) -> int:
        """Return the number of steps under l_p."""
        full = UVA_STEPS if self.preset == "uva" else STEPS[p]
        return self.steps or (QUICK_STEPS if self.quick else full)

    def pairs(self, p: int) -> list[Pair]:
        """Return what is compared under l_p."""
        from experiments.emulated_update.pairs import UVA_SETTINGS, pairs_under

        if self.preset == "uva":
            rates = self.learning_rates or UVA_RATES[p]
            return pairs_under(
                p, self.depths, self.widths, rates, settings=UVA_SETTINGS, every_rule=True
            )
        return pairs_under(p, self.depths, self.widths, self.learning_rates or RATES[p])

    def variants(self, p: int) -> list[Variant]:
        """Return the real and the emulated runs under l_p; pairs may share the latter."""
        variants = {}
        for pair in self.pairs(p):
            for variant in pair.variants(self.seeds):
                variants.setdefault(variant.name, variant)
        return list(variants.values())
