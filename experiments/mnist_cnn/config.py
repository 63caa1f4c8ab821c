"""The options of the experiment.

What needs TensorFlow is imported within methods: `--help` and bad input need not wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from experiments.harness.limits import EPOCHS
from experiments.harness.options import RunOptions
from experiments.harness.parsing import option

if TYPE_CHECKING:
    from experiments.mnist_cnn.training import Net

PENALTIES = {
    "product": "penalty on the product",
    "factors": "penalty on every factor",
    "first": "penalty on the first factor",
    "none": "no penalty",
}


@dataclass(frozen=True)
class Config(RunOptions):
    """Train the MNIST convnet, plain and overparameterised, side by side."""

    data: str = option(
        "auto",
        "auto (MNIST if it can be had, else a synthetic stand-in), mnist, synthetic, or a path",
    )
    regularize: tuple[Literal["product", "factors", "first", "none"], ...] = option(
        ("product", "first"), "where the overparameterised net's penalty is put, a net for each"
    )
    depth: int = option(2, "factors of fc1 and fc2", within=(2, 8))
    convs: bool = option(False, "factorise the convolutions too")
    epochs: int = option(10, "passes over the training images", quick=2, within=EPOCHS)
    images: int = option(55_000, "training images, at most", quick=3_200, within=(1, 10**9))
    seeds: tuple[int, ...] = option(
        (0,), "seeds of the initial weights and of dropout", within=(0, 10**6)
    )
    strategy: Literal["auto", "cpu", "gpu", "mirrored", "multiworker"] = option(
        "auto", "devices to train on"
    )
    worker_timeout: float = option(
        600.0, "seconds to wait for the other workers of TF_CONFIG", within=(0.1, 10**7)
    )

    def nets(self) -> list[Net]:
        """Return the plain net, then an overparameterised one for each place of the penalty.

        One without a penalty is preceded by a plain one without, to compare with.
        """
        from experiments.mnist_cnn.training import Net

        nets = [Net("plain", 1, "product")]
        for place in self.regularize:
            name = f"depth {self.depth}, {PENALTIES[place]}"
            if place == "none":
                nets += [Net("plain, no penalty", 1, None), Net(name, self.depth, None)]
            else:
                nets.append(Net(name, self.depth, place))
        return nets
