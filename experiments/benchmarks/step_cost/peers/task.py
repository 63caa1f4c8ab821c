"""The task of all contestants: data, start, rates, optimizer; and the loss that they reached."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

# Written out for every library, since their defaults differ. `accumulator` is Adagrad's initial
# one; the epsilon is under the root in Adagrad and Adadelta. Adam's is outside it, in Keras before
# and elsewhere after the correction of the bias: so small that it makes no difference.
HYPERPARAMETERS: dict[str, dict[str, float]] = {
    "sgd": {},
    "adagrad": {"accumulator": 0.1, "epsilon": 1e-10},
    "adadelta": {"rho": 0.95, "epsilon": 1e-7},
    "adam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-10},
}
# The approximate norm of the product that the factors start from.
START_NORM = 0.1


@dataclass(frozen=True)
class Task:
    """Full-batch training of a product of factors on x and y under mean(e^p) / p, at several rates.

    Attributes:
        x: Features, (n, d), float32.
        y: Targets, (n, k), float32.
        factors: The start of every run, N float32 arrays (d, w), (w, w), .., (w, k).
        rates: A learning rate for each of the R runs; the last is the one that all contestants
            share.
        optimizer: A key of `HYPERPARAMETERS`.
        p: Exponent of the loss, even.
        options: Settings that not every contestant has, e.g. `compressed`.
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
        """Return the optimizer's settings other than the rate."""
        return HYPERPARAMETERS[self.optimizer]

    @property
    def shared_rate(self) -> float:
        """Return the learning rate that all contestants share."""
        return float(self.rates[-1])

    def loss(self, kernel: np.ndarray) -> float:
        """Return the loss of an end-to-end kernel (d, k), in float64 for every contestant."""
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
    """Return a task on data that are read or generated.

    Args:
        data: Path of an npz file with x and y, or `{"rows": n, "features": d, "outputs": k}` for
            Gaussian data.
        optimizer: A key of `HYPERPARAMETERS`.
        depth: Number of factors.
        width: Width of the inner layers.
        runs: Number of rates, spread evenly in the logarithm from a tenth of `rate` to `rate`.
        rate: The last of them.
        p: Exponent of the loss.
        **options: See `Task`.
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
    factors = start(x.shape[1], y.shape[1], depth, width)
    return Task(x, y, factors, rates, optimizer, p, options)


def start(features: int, outputs: int, depth: int, width: int) -> list[np.ndarray]:
    """Return factors that move at once.

    Of width 1 they are balanced with a product of norm 0.1, otherwise Gaussian of such a size. From
    the paper's near-zero start a product of three does not move in a hundred steps, and all losses
    would agree.

    Args:
        features: Rows of the first factor.
        outputs: Columns of the last factor.
        depth: Number of factors.
        width: Width of the inner layers.
    """
    rng = np.random.default_rng(0)
    sizes = [features, *[width] * (depth - 1), outputs]
    factors = [rng.standard_normal(shape) for shape in itertools.pairwise(sizes)]
    # The norm of a product of Gaussian matrices, each of entries N(0, 1 / rows), is about
    # sqrt(outputs).
    size = (START_NORM / np.sqrt(outputs)) ** (1 / depth)
    scaled = []
    for factor in factors:
        _, columns = factor.shape
        norm = np.linalg.norm(factor) if width == 1 else np.sqrt(factor.size)
        scale = np.sqrt(1 if width == 1 else columns) * size
        scaled.append((factor * (scale / norm)).astype(np.float32))
    return scaled
