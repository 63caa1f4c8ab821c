"""The optimizers of Keras 2.2.4, with which the team of 2019 trained, from Keras 3 classes."""

from __future__ import annotations

from typing import Any

import keras

from overparam_tf.checks import real_number
from overparam_tf.errors import InputError, input_error

# In Adagrad and RMSprop, Keras 2.2.4 divides by sqrt(a) + 1e-7 and Keras 3 by sqrt(a + epsilon).
# With epsilon 1e-14 under the root both are 1e-7 at a = 0 and sqrt(a) where sqrt(a) >> 1e-7.
# Between the two their ratio is at most sqrt(2), at sqrt(a) = 1e-7. Adadelta (epsilon under the
# root) and Adam (outside it) have not changed.
_UNDER_THE_ROOT = 1e-14

_PRESETS: dict[str, tuple[type[keras.optimizers.Optimizer], dict[str, float]]] = {
    "sgd": (keras.optimizers.SGD, {"learning_rate": 0.01}),
    "adagrad": (
        keras.optimizers.Adagrad,
        {"learning_rate": 0.01, "initial_accumulator_value": 0.0, "epsilon": _UNDER_THE_ROOT},
    ),
    "adadelta": (keras.optimizers.Adadelta, {"learning_rate": 1.0, "rho": 0.95, "epsilon": 1e-7}),
    "adam": (
        keras.optimizers.Adam,
        {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    ),
    "rmsprop": (
        keras.optimizers.RMSprop,
        {"learning_rate": 0.001, "rho": 0.9, "epsilon": _UNDER_THE_ROOT},
    ),
}


def legacy_2019(name: str, learning_rate: Any = None) -> keras.optimizers.Optimizer:
    """Return the Keras 3 optimizer that takes the steps of Keras 2.2.4 with its default settings.

    | name     | learning rate | state                         | step                          |
    |----------|---------------|-------------------------------|-------------------------------|
    | sgd      | 0.01          |                               | `lr g`                        |
    | adagrad  | 0.01          | a = sum g^2, from 0           | `lr g / (sqrt(a) + 1e-7)`     |
    | adadelta | 1.0           | a, d: averages, decay 0.95    | `lr g sqrt(d + 1e-7) / A`     |
    | adam     | 0.001         | m, v: averages, 0.9 and 0.999 | `lr m' / (sqrt(v') + c)`      |
    | rmsprop  | 0.001         | a: average of g^2, decay 0.9  | `lr g / (sqrt(a) + 1e-7)`     |

    with `A = sqrt(a + 1e-7)` and `c = 1e-7 / sqrt(1 - 0.999^t)`. Primes are bias-corrected
    averages. Today's defaults differ: Keras 3 gives Adagrad the rate 0.001 and an accumulator of
    0.1, and Adadelta the rate 0.001. One deviation remains: where sqrt(a) is near 1e-7, Adagrad and
    RMSprop take a step that is larger by a factor of up to sqrt(2).

    Args:
        name: One of the names above, in upper or lower case.
        learning_rate: A positive number or a `keras.optimizers.schedules.LearningRateSchedule`;
            default None, the rate of the table.

    Returns:
        A new, unbuilt optimizer.

    Raises:
        InputError: If the name is not in the table or the rate is not positive and finite.

    Source:
        keras-team/keras, tag 2.2.4, keras/optimizers.py.

    Example:
        >>> adagrad = legacy_2019("Adagrad")
        >>> print(round(float(adagrad.learning_rate), 6), adagrad.initial_accumulator_value)
        0.01 0.0
    """
    if not isinstance(name, str) or name.lower() not in _PRESETS:
        raise input_error(f"an optimizer name out of {', '.join(_PRESETS)}", name=name)
    optimizer, settings = _PRESETS[name.lower()]
    if learning_rate is not None:
        settings = {**settings, "learning_rate": _check_rate(learning_rate)}
    return optimizer(**settings)


def _check_rate(learning_rate: Any) -> Any:
    if isinstance(learning_rate, keras.optimizers.schedules.LearningRateSchedule):
        return learning_rate
    try:
        return real_number("learning_rate", learning_rate, above=0)
    except InputError:
        raise input_error(
            "a positive, finite learning rate or a LearningRateSchedule",
            learning_rate=learning_rate,
        ) from None
