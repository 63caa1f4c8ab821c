"""Requirements of a strategy: on the model, on the optimizer, and the device of the data."""

from __future__ import annotations

import keras
import tensorflow as tf

from overparam_tf.distributed.objective import has_own
from overparam_tf.errors import InputError, input_error


def check_made_under(model: keras.Model, strategy: tf.distribute.Strategy) -> None:
    """Check that a model and its optimizer were made under a strategy.

    On several replicas the metrics must have been made there as well.

    Raises:
        InputError: If one of them was made elsewhere.
    """
    is_alone = strategy.num_replicas_in_sync == 1
    optimizer = model.optimizer
    owners = {
        "model": model.variables,
        "optimizer": [] if optimizer is None else optimizer.variables,
        "metric": [] if is_alone else model.metrics_variables,
    }
    for name, variables in owners.items():
        if not all(strategy.extended.variable_created_in_scope(v.value) for v in variables):
            raise InputError(
                f"Expected a {name} made under `with strategy.scope():` of the strategy that "
                f"trains it. Received: a {name} made elsewhere, and {type(strategy).__name__}"
            )


def check_several(model: keras.Model, validated: bool) -> None:
    """Check that a model and its optimizer can be trained on several replicas.

    Args:
        model: The compiled model.
        validated: Whether it is evaluated too.

    Raises:
        InputError: If the model has a step of its own, or the optimizer an option that Keras does
            not support there.
    """
    for method in ("train_step", "test_step")[: 2 if validated else 1]:
        if has_own(model, method):
            raise InputError(
                f"Expected a model without its own {method} on several replicas, where it would "
                f"see some rows of a batch only. Received: {type(model).__name__}.{method}"
            )
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    for option in ("ema_overwrite_frequency", "gradient_accumulation_steps"):
        value = getattr(optimizer, option)
        if value:
            raise input_error(
                f"an optimizer without {option} on several replicas, where Keras does not "
                "support it",
                **{option: value},
            )


def check_saveable(model: keras.Model) -> None:
    """Check that a checkpoint holds the whole state of a training.

    Raises:
        InputError: If the model's own train_step may have a state besides.
    """
    if has_own(model, "train_step"):
        raise InputError(
            "Expected no checkpoints beside a model's own train_step, which may use optimizers and "
            f"counters that they do not know. Received: {type(model).__name__}.train_step"
        )


def check_model(model: keras.Model) -> keras.Model:
    """Return a model that can be trained.

    Raises:
        InputError: If the backend is not TensorFlow, or it is no built model with trainable
            variables and Keras's own training function.
    """
    if keras.config.backend() != "tensorflow":
        raise input_error(
            "Keras's TensorFlow backend; use fit on another one", backend=keras.config.backend()
        )
    if not isinstance(model, keras.Model) or not (model.built or has_own(model, "train_step")):
        raise input_error("a built keras.Model: give it an Input, or call it on data", model=model)
    if has_own(model, "make_train_function"):
        raise InputError(
            "Expected a model that replaces train_step, compute_loss or compute_metrics only. "
            f"Received: {type(model).__name__}.make_train_function"
        )
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
