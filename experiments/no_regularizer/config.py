"""The options of the experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from experiments.harness.limits import SEEDS
from experiments.harness.options import DataOptions
from experiments.harness.parsing import option

# The field scales as a power of the radius: beyond, its numbers would leave those of float64.
RADII = (1e-12, 1e6)


@dataclass(frozen=True)
class Config(DataOptions):
    """Integrate the end-to-end field along the closed curve of Theorem 2, and measure its curl."""

    depths: tuple[float, ...] = option(
        (1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0),
        "depths N >= 1, fractional ones too",
        quick=(1.0, 2.0, 3.0, 4.0),
        within=(1, 100),
    )
    outer_radius: float = option(0.1, "R", within=RADII)
    inner_radius: float = option(1e-6, "r, below R", within=RADII)
    gradient_norm: float = option(1.7, "|g| of the linear loss", within=(1e-6, 1e6))
    nodes: int = option(
        64, "quadrature points on each of the curve's four pieces", within=(1, 1000)
    )
    points: int = option(100, "random points at which the curl is measured", within=(1, 10_000))
    seed: int = option(0, "seed of those points", within=SEEDS)
    dtype: Literal["float64"] = option("float64", "precision")

    def __post_init__(self) -> None:
        super().__post_init__()
        radii = {"inner_radius": self.inner_radius, "outer_radius": self.outer_radius}
        valid = self.inner_radius < self.outer_radius
        self.require(valid, "inner radius < outer radius", **radii)
