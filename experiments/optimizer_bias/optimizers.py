"""The optimizers that are compared, and the grid of rates of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class Candidate:
    """An optimizer and its grid of rates.

    Attributes:
        make: Makes the optimizer at a rate.
        rates: The rates.
        is_relative: Whether they are in units of 1 over the curvature of the loss at the matrix
            itself, as for optimizers whose steps grow with the gradient; default False.
        is_elementwise: Whether it treats every entry by itself; default True.
    """

    make: Callable[[float], keras.optimizers.Optimizer]
    rates: tuple[float, ...]
    is_relative: bool = False
    is_elementwise: bool = True


CANDIDATES = {
    "SGD": Candidate(lambda rate: keras.optimizers.SGD(rate), (0.1, 0.2, 0.5, 1.0), True),
    "momentum": Candidate(
        lambda rate: keras.optimizers.SGD(rate, momentum=0.9), (0.01, 0.02, 0.05, 0.1), True
    ),
    "Adagrad": Candidate(lambda rate: keras.optimizers.Adagrad(rate), (0.01, 0.03, 0.1, 0.3)),
    "Adadelta": Candidate(lambda rate: keras.optimizers.Adadelta(rate), (0.1, 0.3, 1.0, 3.0)),
    "RMSprop": Candidate(lambda rate: keras.optimizers.RMSprop(rate), (1e-4, 3e-4, 1e-3, 3e-3)),
    "Adam": Candidate(lambda rate: keras.optimizers.Adam(rate), (3e-4, 1e-3, 3e-3, 1e-2)),
    "Nadam": Candidate(lambda rate: keras.optimizers.Nadam(rate), (3e-4, 1e-3, 3e-3, 1e-2)),
    "Adamax": Candidate(lambda rate: keras.optimizers.Adamax(rate), (3e-4, 1e-3, 3e-3, 1e-2)),
    "Lion": Candidate(lambda rate: keras.optimizers.Lion(rate), (1e-4, 2e-4, 4e-4, 8e-4)),
    # Keras's Muon decays weights unless it is told not to.
    "Muon": Candidate(
        lambda rate: keras.optimizers.Muon(rate, weight_decay=None, adam_weight_decay=None),
        (1e-3, 2e-3, 4e-3, 8e-3),
        is_elementwise=False,
    ),
    "Adafactor": Candidate(
        lambda rate: keras.optimizers.Adafactor(rate),
        (3e-3, 1e-2, 3e-2, 1e-1),
        is_elementwise=False,
    ),
}
