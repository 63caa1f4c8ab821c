"""The options of the experiment.

What needs TensorFlow is imported within methods: `--help` and bad input need not wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from experiments.harness.limits import DEPTHS, RATES, RATES_2019, SEEDS, STEPS
from experiments.harness.options import DataOptions
from experiments.harness.parsing import option

if TYPE_CHECKING:
    from overparam_tf import LpLoss, Variant


@dataclass(frozen=True)
class Preset:
    """A published setting of the experiment."""

    depths: tuple[int, ...]
    biases: bool
    scale_loss: bool
    steps: int
    adam_steps: int
    adam_rate: float


PRESETS = {
    # The 2019 course team: biased `Dense` layers, mean(e^4) without 1/p.
    "uva": Preset(
        depths=(1, 2, 3),
        biases=True,
        scale_loss=False,
        steps=600_000,
        adam_steps=60_000,
        adam_rate=5e-4,
    ),
    # The paper's authors: no biases, l_4 with 1/p, one added layer.
    "paper": Preset(
        depths=(1, 2),
        biases=False,
        scale_loss=True,
        steps=1_000_000,
        adam_steps=1_000_000,
        adam_rate=1e-3,
    ),
}
QUICK_STEPS = 10_000


@dataclass(frozen=True)
class Config(DataOptions):
    """Compare gradient descent on factorised linear layers with AdaGrad, AdaDelta and Adam."""

    preset: Literal["uva", "paper"] = option("uva", "2019 course team's setting, or the paper's")
    part: Literal["1", "2", "all"] = option(
        "all", "1: GD, AdaGrad, AdaDelta; 2: Adam at several depths"
    )
    loss: Literal["l2", "l4"] = option("l4", "the l_p loss")
    scale_loss: bool | None = option(
        None, "divide the loss by p, as the paper does (default: the preset's)"
    )
    biases: bool | None = option(None, "a bias after every factor (default: the preset's)")
    depths: tuple[int, ...] | None = option(
        None, "depths of GD and of Adam (default: the preset's)", within=DEPTHS
    )
    learning_rates: tuple[float, ...] | None = option(
        None,
        "rates to search in both parts "
        "(default: the ten of 2019 in part 1, the preset's one in part 2)",
        within=RATES,
    )
    fine: bool = option(False, "then ten rates a decade around the best rate of each")
    steps: int | None = option(
        None,
        f"full-batch steps of each part (default: the preset's, with --quick {QUICK_STEPS})",
        within=STEPS,
    )
    seeds: tuple[int, ...] = option((0,), "seeds of the initial factors", within=SEEDS)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("scale_loss", "biases", "depths"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, getattr(self.published, name))

    @property
    def published(self) -> Preset:
        """Return the preset's setting."""
        return PRESETS[self.preset]

    @property
    def lp_loss(self) -> LpLoss:
        """Return the loss."""
        from overparam_tf import LpLoss

        return LpLoss(int(self.loss.removeprefix("l")), scale=self.scale_loss)

    def parts(self) -> dict[str, tuple[list[Variant], int]]:
        """Return, by part, its variants and its number of steps."""
        preset, quick = self.published, QUICK_STEPS if self.quick else None
        parts = {}
        if self.part in ("1", "all"):
            parts["part 1"] = self._part_1(), self.steps or quick or preset.steps
        if self.part in ("2", "all"):
            parts["part 2"] = self._part_2(), self.steps or quick or preset.adam_steps
        return parts

    def _part_1(self) -> list[Variant]:
        rates = self.learning_rates or RATES_2019
        plain = [self._variant(f"GD, depth {n}", n, "sgd", rates) for n in self.depths]
        names = ("AdaGrad", "AdaDelta")
        return plain + [self._variant(name, 1, name.lower(), rates) for name in names]

    def _part_2(self) -> list[Variant]:
        rates = self.learning_rates or (self.published.adam_rate,)
        return [self._variant(f"Adam, depth {n}", n, "adam", rates) for n in self.depths]

    def _variant(self, name: str, depth: int, optimizer: str, rates: Sequence[float]) -> Variant:
        from overparam_tf import Variant, legacy_2019

        return Variant(
            name,
            depth=depth,
            optimizer=legacy_2019(optimizer),
            learning_rates=rates,
            seeds=self.seeds,
            use_bias=self.biases,
            use_factor_biases=self.biases,
        )
