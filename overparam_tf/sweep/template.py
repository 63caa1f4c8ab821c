"""The optimizer of a variant, a template of which every stack of runs gets a copy of its own."""

from __future__ import annotations

import re
from typing import Any

import keras

from overparam_tf.checks import real_number, resolve
from overparam_tf.errors import input_error
from overparam_tf.optimizers.keras_optimizer import keras_optimizer

# Their update of one weight uses nothing but that weight's own gradient and slots, so that a stack
# of runs trained as one tensor is exactly the runs trained one by one.
ELEMENTWISE_OPTIMIZERS = (
    "SGD",
    "Adagrad",
    "Adadelta",
    "RMSprop",
    "Adam",
    "AdamW",
    "Adamax",
    "Nadam",
    "Lion",
    "Ftrl",
)
# They use norms, means or products of a whole tensor: the runs of a stack are updated one by one.
MIXING_OPTIMIZERS = ("Muon", "Adafactor", "Lamb")

# Options of Keras optimizers that mix the weights of a tensor, and so the runs of a stack.
MIXING_OPTIONS = (
    "clipnorm",
    "global_clipnorm",
    "use_ema",
    "loss_scale_factor",
    "gradient_accumulation_steps",
)
# The rate of an optimizer that is given by its name.
DEFAULT_RATE = 1e-3


def check_template(value: Any, update: str) -> keras.optimizers.Optimizer:
    """Return an optimizer, its name or its config as an optimizer that can train a stack of runs.

    Args:
        value: The argument `optimizer` of a variant.
        update: That of the variant.

    Raises:
        InputError: If it is no optimizer that a sweep knows, has an option that mixes the runs of a
            stack, has a schedule, excludes variables from its weight decay that do not exist in a
            sweep, or has an option that the update has not.
    """
    known = (*ELEMENTWISE_OPTIMIZERS, *MIXING_OPTIMIZERS)
    names = ", ".join(known)
    optimizer = resolve("optimizer", value, keras_optimizer, f"one of {names}")
    kind = type(optimizer).__name__
    is_of_keras = type(optimizer) is getattr(keras.optimizers, kind, None)
    if not is_of_keras or kind not in known:
        raise input_error(
            "an elementwise optimizer of Keras, or one whose runs can be updated one by one: "
            f"{names}",
            optimizer=kind,
        )
    _check_fixed_rate(optimizer)
    config = optimizer.get_config()
    mixing = {option: config[option] for option in MIXING_OPTIONS if config.get(option)}
    if mixing:
        raise input_error("no option of the optimizer that mixes the runs of a stack", **mixing)
    if getattr(optimizer, "_exclude_from_weight_decay", None):
        raise input_error(
            "var_names, not var_list, in exclude_from_weight_decay of the optimizer, since the "
            "variables of a sweep do not exist yet",
            optimizer=kind,
        )
    if update not in ("factors", "preconditioned"):
        _check_plain(kind, config, update)
    return optimizer


def is_elementwise(optimizer: keras.optimizers.Optimizer) -> bool:
    """Return whether an optimizer is none of those that mix the entries of a tensor.

    Example:
        >>> is_elementwise(keras.optimizers.Adam()), is_elementwise(keras.optimizers.Muon())
        (True, False)
    """
    return type(optimizer).__name__ not in MIXING_OPTIMIZERS


def _check_fixed_rate(optimizer: keras.optimizers.Optimizer) -> None:
    rate = optimizer._learning_rate  # Keras has no public way to a schedule itself
    if callable(rate):
        raise input_error(
            "an optimizer with a fixed learning rate, since each run of a variant keeps its own; "
            "RecordedRun takes schedules",
            learning_rate=rate,
        )


def _check_plain(kind: str, config: dict[str, Any], update: str) -> None:
    """Check that an optimizer is gradient descent, with a weight decay at most."""
    if kind != "SGD" or config["momentum"]:
        raise input_error(
            f"SGD without momentum for update={update!r}, a rule of gradient descent",
            optimizer=kind,
            momentum=config.get("momentum"),
        )
    if config["clipvalue"]:
        raise input_error(
            f"SGD without clipping for update={update!r}, a rule of gradient descent",
            clipvalue=config["clipvalue"],
        )


def rate_of(value: Any, optimizer: keras.optimizers.Optimizer) -> float:
    """Return the learning rate of an optimizer that was given as `value`.

    Raises:
        InputError: If it is not positive.

    Example:
        >>> optimizer = keras.optimizers.SGD(0.1)
        >>> rate_of(optimizer, optimizer), rate_of("sgd", optimizer)
        (0.1, 0.001)
    """
    if isinstance(value, str):
        return DEFAULT_RATE
    # The shortest decimal that is the same number in the dtype of the rate, which Keras keeps in
    # float32: 0.1, not 0.10000000149.
    rate = float(str(keras.ops.convert_to_numpy(optimizer.learning_rate)))
    return real_number("the learning rate of optimizer", rate, above=0)


def copy_of(optimizer: keras.optimizers.Optimizer, learning_rate: Any) -> Any:
    """Return a new optimizer with the options of another one, at another learning rate."""
    config = {**optimizer.get_config(), "learning_rate": learning_rate}
    copy = type(optimizer).from_config(config)
    pattern = undecayed_names(optimizer)
    if pattern is not None:
        copy.exclude_from_weight_decay(var_names=[pattern])
    return copy


def undecayed_names(optimizer: keras.optimizers.Optimizer) -> str | None:
    """Return the regular expression of `exclude_from_weight_decay`, or None without one.

    Example:
        >>> optimizer = keras.optimizers.AdamW()
        >>> optimizer.exclude_from_weight_decay(var_names=["bias"])
        >>> undecayed_names(optimizer)
        'bias'
    """
    # Neither the config nor any public attribute of Keras has it.
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    return None if pattern is None else pattern.pattern


def decay_of(optimizer: keras.optimizers.Optimizer, name: str) -> float:
    """Return the weight decay of a variable of this name."""
    pattern = undecayed_names(optimizer)
    if pattern is not None and re.search(pattern, name):
        return 0.0
    return float(optimizer.weight_decay or 0.0)
