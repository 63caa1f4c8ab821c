"""The options of `python -m experiments.optimizer_bias`, read before TensorFlow is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from experiments.harness import limits
from experiments.harness.options import ShareOptions
from experiments.harness.parsing import option

# The optimizers of the three claims, compared on every problem.
CLAIMED = ("SGD", "RMSprop", "Adam", "Lion", "Muon")
Problems = Literal["completion", "sensing", "large", "tiny", "tiny-sensing"]
Optimizers = Literal[
    "SGD",
    "momentum",
    "Adagrad",
    "Adadelta",
    "RMSprop",
    "Adam",
    "Nadam",
    "Adamax",
    "Lion",
    "Muon",
    "Adafactor",
]
DEFAULT = ("SGD", "Adagrad", "RMSprop", "Adam", "Lion", "Muon", "Adafactor")


@dataclass(frozen=True)
class Config(ShareOptions):
    """Compare which product each optimizer chooses among those that fit."""

    problems: tuple[Problems, ...] = option(
        ("completion", "sensing"),
        "completion (50 x 50, rank 3, 800 entries), sensing (30 x 30, rank 2, 300 products), large "
        "(completion of 100 x 100, rank 5, 2,000 entries), tiny and tiny-sensing for short runs",
        quick=("tiny", "tiny-sensing"),
    )
    optimizers: tuple[Optimizers, ...] = option(
        DEFAULT,
        "the optimizers; on sensing and large those of the claims alone: " + ", ".join(CLAIMED),
        quick=("SGD", "Adam", "Muon"),
    )
    depths: tuple[int, ...] = option((2, 3), "numbers of factors", within=(1, 8))
    scale: float = option(
        1e-3, "start: the product is this multiple of the identity", within=(1e-12, 1)
    )
    draws: tuple[int, ...] = option(
        (0, 1, 2, 3, 4), "seeds of matrix and observations", quick=(0,), within=limits.SEEDS
    )
    steps: int = option(4_000, "the most steps of a run", quick=1_200, within=(1, 10**7))
    target: float = option(
        1e-4,
        "mean squared error over what is observed at which runs are compared",
        within=(1e-12, 1),
    )
    dtype: Literal["float32", "float64"] = option("float32", "precision of the training")
