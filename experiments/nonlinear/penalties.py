"""The optimizers and penalties that the options of the experiment name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from experiments.nonlinear.config import FormName, OptimizerName
from experiments.nonlinear.nets import penalty
from overparam_tf.surgery import products_of

OPTIMIZERS: dict[OptimizerName, Callable[[], keras.optimizers.Optimizer]] = {
    "SGD": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
    "Adam": lambda: keras.optimizers.Adam(1e-3),
    "AdamW": lambda: keras.optimizers.AdamW(1e-3),
}


def regularizer_of(form: FormName) -> Any:
    """Return the regularizer with which a plain net is made."""
    return penalty() if form in ("product", "factors") else None


def on_every_factor(model: keras.Model, depth: int) -> None:
    """Move the penalty on a product to its factors.

    Args:
        model: A net whose kernels have a penalty.
        depth: Its number of factors; at depth 1 there is nothing to move.
    """
    for product in products_of(model):
        for factor in product.factors:
            factor.regularizer = product.regularizer
