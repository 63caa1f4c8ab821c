"""Transfer of a model's training configuration to its converted form."""

from __future__ import annotations

import warnings

import keras

from overparam_tf.errors import InputError


def compile_like(new: keras.Model, model: keras.Model) -> None:
    """Compile `new` as `model` is: optimizer with a fresh state, loss, metrics and other options.

    Raises:
        InputError: If `model` is not compiled, or holds a function that has no config, such as a
            lambda.

    Example:
        >>> model, new = (
        ...     keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]) for _ in range(2)
        ... )
        >>> model.compile(optimizer=keras.optimizers.SGD(0.25), loss="mse")
        >>> compile_like(new, model)
        >>> float(new.optimizer.learning_rate), new.loss
        (0.25, 'mse')
    """
    if not model.compiled:
        raise InputError(
            "Expected a compiled model with compile=True. "
            f"Received: uncompiled model {model.name!r}"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a lambda, which becomes an error a line later
            config = model.get_compile_config()
        new.compile_from_config(config)
    except (TypeError, ValueError) as error:
        first_line = str(error).splitlines()[0]
        raise InputError(
            "Expected an optimizer, loss and metrics that Keras can serialise with compile=True; "
            "leave compile=False and call compile on the new model. "
            f"Received: model {model.name!r}, for which Keras says: {first_line}"
        ) from error
