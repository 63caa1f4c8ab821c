"""Requirements of a strategy: on the model, on the optimizer, and the device of the data."""

from __future__ import annotations

import keras
import tensorflow as tf

from overparam_tf.checks import instance_of
from overparam_tf.errors import InputError, input_error


def check_trainable(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, strategy: tf.distribute.Strategy
) -> None:
    """Raise an `InputError` unless both can be trained under `strategy`, and were made there."""
    instance_of("optimizer", optimizer, keras.optimizers.Optimizer, "a Keras optimizer")
    for name, variables in (("model", model.variables), ("optimizer", optimizer.variables)):
        if not all(
            strategy.extended.variable_created_in_scope(variable.value) for variable in variables
        ):
            raise InputError(
                f"Expected a {name} made under `with strategy.scope():` of the strategy that "
                f"trains it. Received: a {name} made elsewhere, and {type(strategy).__name__}"
            )
    if strategy.num_replicas_in_sync > 1:
        for option in ("ema_overwrite_frequency", "gradient_accumulation_steps"):
            value = getattr(optimizer, option)
            if value:
                raise input_error(
                    f"an optimizer without {option} on several replicas, where Keras does not "
                    "support it",
                    **{option: value},
                )


def check_model(model: keras.Model) -> keras.Model:
    """Return a built model with trainable variables, or raise an `InputError`."""
    if not isinstance(model, keras.Model) or not model.built:
        raise input_error("a built keras.Model: give it an Input, or call it on data", model=model)
    if not model.trainable_variables:
        raise InputError(
            f"Expected a model with trainable variables. Received: model {model.name!r} without any"
        )
    return model


def device_of_rows(strategy: tf.distribute.Strategy) -> str:
    """Return the device where data wait to be sliced.

    That is the device that computes if there is only one, and the host otherwise.
    """
    with strategy.scope():
        if not tf.distribute.has_strategy():
            return "/device:GPU:0" if tf.config.list_logical_devices("GPU") else "/device:CPU:0"
    first, *others = strategy.extended.worker_devices
    if not others:
        return first
    host = tf.DeviceSpec.from_string(first).replace(device_type="CPU", device_index=0)
    return host.to_string()
