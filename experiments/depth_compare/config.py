"""The options of the experiment.

What needs TensorFlow is imported within methods: `--help` and bad input need not wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from experiments.harness.limits import DEPTHS, RATES, RATES_2019, SEEDS, STEPS, WIDTHS
from experiments.harness.options import DataOptions
from experiments.harness.parsing import option

if TYPE_CHECKING:
    from overparam_tf import Variant


@dataclass(frozen=True)
class Preset:
    """The settings that an option leaves open."""

    losses: tuple[str, ...]
    depths: tuple[int, ...]
    init: str
    steps: int
    preprocessing: str


PRESETS = {
    "grid": Preset(("l2", "l4"), (1, 2, 3, 4, 5, 6, 7, 8), "balanced", 400_000, "zscore"),
    # The code of the 2019 course team: every factor N(0, 0.01^2), width 1. Its rate at depth 1 is
    # 0.05: gradient descent is stable up to 2 / 39.8 = 0.0502 on data scaled to [0, 1], and up to
    # 0.027 on z-scored data.
    "uva": Preset(("l2",), (1, 2, 3), "near_zero", 700_000, "minmax"),
}
QUICK_STEPS = 5_000


@dataclass(frozen=True)
class Config(DataOptions):
    """Compare gradient descent at several depths under l_2 and l_4."""

    preset: Literal["grid", "uva"] = option(
        "grid",
        "grid: depths 1 to 8 from a balanced start; uva: the 2019 course team's code, depths 1 to "
        "3 from N(0, 0.01^2) under l_2, its rates beside the grid",
    )
    losses: tuple[Literal["l2", "l4"], ...] | None = option(
        None, "the l_p losses, with 1/p (default: the preset's)"
    )
    depths: tuple[int, ...] | None = option(
        None, "numbers of factors, 1 among them (default: the preset's)", within=DEPTHS
    )
    preprocessing: Literal["zscore", "minmax", "none"] | None = option(
        None, "of inputs and labels (default: zscore, with --preset uva minmax)"
    )
    width: int = option(
        1, "inner width; with one output, 1 expresses every linear function", within=WIDTHS
    )
    init: Literal["near_zero", "balanced", "identity"] | None = option(
        None, "how the factors start: see Variant (default: the preset's)"
    )
    learning_rates: tuple[float, ...] = option(RATES_2019, "rates to search", within=RATES)
    steps: int | None = option(
        None,
        f"full-batch steps (default: the preset's, with --quick {QUICK_STEPS})",
        within=STEPS,
    )
    seeds: tuple[int, ...] = option((0,), "seeds of the initial factors", within=SEEDS)

    def __post_init__(self) -> None:
        super().__post_init__()
        published = PRESETS[self.preset]
        for name in ("losses", "depths", "init", "steps", "preprocessing"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, getattr(published, name))
                if name == "steps" and self.quick:
                    object.__setattr__(self, name, QUICK_STEPS)
        self.require(
            1 in self.depths, "depth 1 among the depths, to compare with", depths=self.depths
        )

    def variants(self, p: int) -> list[Variant]:
        """Return a variant for each depth under l_p."""
        from overparam_tf import Variant

        return [
            Variant(
                f"L{p}, depth {depth}",
                depth=depth,
                width=self.width,
                learning_rates=self.learning_rates,
                seeds=self.seeds,
                initial_factors=self.init,
            )
            for depth in sorted(self.depths)
        ]
