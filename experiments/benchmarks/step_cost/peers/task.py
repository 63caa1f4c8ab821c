"""What every contestant is given: data, start, rates, optimizer; and the one judge of what it made of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

# Written out for every library, since their defaults differ. `accumulator` is Adagrad's initial one; the epsilon is
# under the root in Adagrad and Adadelta. Adam's is outside it, in Keras before and elsewhere after the correction of
# the bias: so small that it makes no difference.
HYPERPARAMETERS: dict[str, dict[str, float]] = {
    "sgd": {},
    "adagrad": {"accumulator": 0.1, "epsilon": 1e-10},
    "adadelta": {"rho": 0.95, "epsilon": 1e-7},
    "adam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-10},
}


@dataclass(frozen=True)
class Task:
    """Full-batch training of a product of `factors` on x and y under mean(e^p) / p, at several rates.

    Attributes:
        x: features, (n, d), float32.
        y: targets, (n, k), float32.
        factors: the start of every run, N float32 arrays (d, w), (w, w), .., (w, k).
        rates: a learning rate for each of the R runs; the last is the one that all contestants share.
        optimizer: a key of `HYPERPARAMETERS`.
        p: exponent of the loss, even.
        options: what is only some contestants' affair, e.g. `compressed`.
    """

    x: np.ndarray
    y: np.ndarray
    factors: list[np.ndarray]
    rates: np.ndarray
    optimizer: str
    p: int
    options: dict[str, Any]

    @property
    def hyperparameters(self) -> dict[str, float]:
        """The optimizer's settings but for the rate."""
        return HYPERPARAMETERS[self.optimizer]

    def loss(self, kernel: np.ndarray) -> float:
        """The loss of an end-to-end kernel (d, k), in float64: the same judge for all."""
        error = self.x.astype(np.float64) @ kernel - self.y
        return float(np.mean(error**self.p) / self.p)


def make_task(
    data: str | dict[str, int],
    optimizer: str = "sgd",
    depth: int = 1,
    width: int = 1,
    runs: int = 1,
    rate: float = 1e-4,
    p: int = 4,
    **options: Any,
) -> Task:
    """Reads or generates the data, and makes the start and the rates.

    Args:
        data: an npz file with x and y, or `{"rows": n, "features": d, "outputs": k}` for Gaussian data.
        optimizer: a key of `HYPERPARAMETERS`.
        depth: number of factors.
        width: of the inner layers.
        runs: number of rates, spread evenly (in the logarithm) from a tenth of `rate` to `rate`.
        rate: the last of them.
        p: exponent of the loss.
        options: see `Task`.
    """
    rng = np.random.default_rng(0)
    if isinstance(data, str):
        with np.load(data, allow_pickle=False) as arrays:
            x, y = arrays["x"], arrays["y"]
    else:
        x = rng.standard_normal((data["rows"], data["features"]), dtype=np.float32)
        kernel = rng.standard_normal((data["features"], data["outputs"]), dtype=np.float32)
        y = x @ (kernel / np.sqrt(np.float32(data["features"])))
    rates = np.geomspace(rate / 10, rate, runs) if runs > 1 else np.array([rate])
    return Task(x, y, start(x.shape[1], y.shape[1], depth, width), rates, optimizer, p, options)


def start(features: int, outputs: int, depth: int, width: int) -> list[np.ndarray]:
    """Factors that move at once: of width 1 balanced with a product of norm 0.1, else Gaussian of such a size.

    From the paper's near-zero start a product of three does not move in a hundred steps, and any loss would agree
    with any other.
    """
    rng = np.random.default_rng(0)
    sizes = [features, *[width] * (depth - 1), outputs]
    factors = [rng.standard_normal(shape) for shape in itertools.pairwise(sizes)]
    # The norm of a product of Gaussian matrices, each of entries N(0, 1 / rows), is about sqrt(outputs).
    size = (0.1 / np.sqrt(outputs)) ** (1 / depth)
    norms = [np.linalg.norm(factor) if width == 1 else np.sqrt(factor.size) for factor in factors]
    scale = [np.sqrt(1 if width == 1 else factor.shape[1]) * size for factor in factors]
    return [
        (f * (s / norm)).astype(np.float32)
        for f, s, norm in zip(factors, scale, norms, strict=True)
    ]
