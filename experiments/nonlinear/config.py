"""The options of the experiment, and the rates and penalties that they name.

Nothing here needs TensorFlow: `--help` and bad input need not wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from experiments.harness.limits import SEEDS
from experiments.harness.options import ShareOptions
from experiments.harness.parsing import option

NetName = Literal["convnet", "mlp", "resnet", "vit", "characters"]
OptimizerName = Literal["SGD", "momentum", "Adam", "AdamW"]
# Coarse grids; each grows at an end where its best rate lies.
RATES: dict[OptimizerName, tuple[float, ...]] = {
    "SGD": (0.01, 0.03, 0.1, 0.3),
    "momentum": (0.001, 0.003, 0.01, 0.03),
    "Adam": (3e-4, 1e-3, 3e-3, 1e-2),
    "AdamW": (3e-4, 1e-3, 3e-3, 1e-2),
}
PenaltyName = Literal["none", "product", "factors"]
# What a net is compared with its plain form in.
FormName = Literal["none", "product", "factors", "rule"]
FORMS: dict[FormName, str] = {
    "none": "no penalty",
    "product": "penalty on the products",
    "factors": "penalty on every factor",
    "rule": "no penalty, behind the rule",
}


@dataclass(frozen=True)
class Config(ShareOptions):
    """Compare small nets with their overparameterised forms, with intervals over seeds."""

    data: str = option(
        "auto",
        "auto (MNIST if it can be had, else a synthetic stand-in), mnist, synthetic, or a path",
    )
    nets: tuple[NetName, ...] = option(get_args(NetName), "nets to train", quick=("mlp",))
    optimizers: tuple[OptimizerName, ...] = option(
        get_args(OptimizerName), "optimizers to compare", quick=("SGD", "Adam")
    )
    penalties: tuple[PenaltyName, ...] = option(
        get_args(PenaltyName),
        "where the L2 penalty on kernels is put",
        quick=("none", "factors"),
    )
    behind_rule: bool = option(
        False,
        "the nets without factors and penalty too, each optimizer behind the end-to-end rule: "
        "`EndToEnd(optimizer)`",
    )
    depths: tuple[int, ...] = option(
        (1, 2, 3), "numbers of factors, 1 among them", quick=(1, 2), within=(1, 8)
    )
    seeds: tuple[int, ...] = option(
        (0, 1, 2, 3, 4), "seeds of the nets and of the batches", quick=(0, 1), within=SEEDS
    )
    length: float = option(
        1.0, "steps of each net, times those of the default", quick=0.5, within=(0.01, 1000)
    )
    images: int = option(10_000, "training images, at most", quick=2_000, within=(64, 10**9))
    dry_run: bool = option(False, "only say what it takes, from timed steps of each net")

    @property
    def forms(self) -> tuple[FormName, ...]:
        """Return the forms in which each net is compared, those with the penalties first."""
        return (*self.penalties, "rule") if self.behind_rule else self.penalties

    def __post_init__(self) -> None:
        super().__post_init__()
        valid = 1 in self.depths and len(self.depths) > 1
        self.require(valid, "depth 1 and others among the depths", depths=self.depths)
