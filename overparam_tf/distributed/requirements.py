"""What a model and an optimizer must be to be trained under a strategy."""

from __future__ import annotations

import keras
import tensorflow as tf

from overparam_tf.errors import InputError


def check(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, strategy: tf.distribute.Strategy
) -> None:
    """Raise an `InputError` unless both are usable under `strategy`, and were made there."""
    if not isinstance(model, keras.Model) or not model.built:
        raise InputError(
            f"Expected a built keras.Model: give it an Input, or call it on data. Received: {model!r}"
        )
    if not model.trainable_variables:
        raise InputError(
            f"Expected a model with trainable variables. Received: model {model.name!r} without any"
        )
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise InputError(f"Expected a Keras optimizer. Received: optimizer={optimizer!r}")
    for what, variables in (("model", model.variables), ("optimizer", optimizer.variables)):
        if not all(
            strategy.extended.variable_created_in_scope(variable.value) for variable in variables
        ):
            raise InputError(
                f"Expected a {what} made under `with strategy.scope():` of the strategy that trains it. "
                f"Received: a {what} made elsewhere, and {type(strategy).__name__}"
            )
    if strategy.num_replicas_in_sync > 1:
        for name in ("ema_overwrite_frequency", "gradient_accumulation_steps"):
            if getattr(optimizer, name):
                raise InputError(
                    f"Expected an optimizer without {name} on several replicas, where Keras cannot have it. "
                    f"Received: {name}={getattr(optimizer, name)}"
                )


def device_of_rows(strategy: tf.distribute.Strategy) -> str:
    """Return the device where data wait to be sliced: the only one that computes, or else the host."""
    with strategy.scope():
        if not tf.distribute.has_strategy():
            return "/device:GPU:0" if tf.config.list_logical_devices("GPU") else "/device:CPU:0"
    devices = strategy.extended.worker_devices
    if len(devices) == 1:
        return devices[0]
    return (
        tf.DeviceSpec.from_string(devices[0]).replace(device_type="CPU", device_index=0).to_string()
    )
