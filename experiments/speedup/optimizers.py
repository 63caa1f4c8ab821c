"""The optimizers that `experiments.speedup` compares, by name; the rates are set run by run."""

from __future__ import annotations

from collections.abc import Callable

import keras

from overparam_tf.optimizers import legacy_2019

OPTIMIZERS: dict[str, Callable[[], keras.optimizers.Optimizer]] = {
    "SGD": keras.optimizers.SGD,
    "momentum": lambda: keras.optimizers.SGD(momentum=0.9),
    "Nesterov": lambda: keras.optimizers.SGD(momentum=0.9, nesterov=True),
    "AdaGrad": lambda: legacy_2019("adagrad"),
    "RMSprop": lambda: legacy_2019("rmsprop"),
    "AdaDelta": lambda: legacy_2019("adadelta"),
    "Adam": lambda: legacy_2019("adam"),
    "AdamW": keras.optimizers.AdamW,
}
