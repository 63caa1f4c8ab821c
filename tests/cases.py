"""Tables of cases that several tests share."""

from __future__ import annotations

import keras
import numpy as np

from overparam_tf.datasets import Problem

# A function that makes each optimizer, and a rate at which 200 steps on `small_problem` amplify no
# round-off. RMSprop's normalised steps jump over a weight's optimum again and again once they have
# reached it, so its rate is too small to reach it.
OPTIMIZERS = {
    "SGD": (lambda rate: keras.optimizers.SGD(rate), 0.003),
    "SGD, weight decay": (lambda rate: keras.optimizers.SGD(rate, weight_decay=0.01), 0.003),
    "momentum": (lambda rate: keras.optimizers.SGD(rate, momentum=0.9), 0.0003),
    "Nesterov": (lambda rate: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True), 0.0003),
    "Adagrad": (lambda rate: keras.optimizers.Adagrad(rate), 0.003),
    "Adadelta": (lambda rate: keras.optimizers.Adadelta(rate), 0.003),
    "RMSprop": (lambda rate: keras.optimizers.RMSprop(rate), 0.0003),
    "Adam": (lambda rate: keras.optimizers.Adam(rate), 0.003),
    "AdamW": (lambda rate: keras.optimizers.AdamW(rate, weight_decay=0.02), 0.003),
    "Adamax": (lambda rate: keras.optimizers.Adamax(rate), 0.003),
    "Nadam": (lambda rate: keras.optimizers.Nadam(rate), 0.003),
    "Lion": (lambda rate: keras.optimizers.Lion(rate), 0.0003),
    "Ftrl": (lambda rate: keras.optimizers.Ftrl(rate), 0.003),
}

# Optimizers that mix the entries of a matrix, whose runs are updated one by one.
MIXING_OPTIMIZERS = {
    "Muon": (lambda rate: keras.optimizers.Muon(rate), 0.003),
    "Adafactor": (lambda rate: keras.optimizers.Adafactor(rate), 0.003),
    "Lamb": (lambda rate: keras.optimizers.Lamb(rate), 0.003),
}


def fit_whole_data(model: keras.Model, x: np.ndarray, y: np.ndarray, steps: int) -> None:
    """Let `fit` take steps on all rows at once, in one epoch: each costs a new iterator."""
    x, y = (np.tile(array, (steps, 1)) for array in (x, y))
    model.fit(x, y, batch_size=len(x) // steps, shuffle=False, verbose=0)


def small_problem(rows: int = 50, features: int = 6, outputs: int = 1, seed: int = 0) -> Problem:
    """Return a regression with a heavy-tailed target, small enough for brute force."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, features))
    y = x @ rng.normal(size=(features, outputs)) + 0.3 * rng.standard_t(5, size=(rows, outputs))
    return Problem("small", x, y, "generated for a test", "none", synthetic=True)
