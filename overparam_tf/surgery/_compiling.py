"""Transfer of a model's training configuration to its converted form."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from overparam_tf.errors import InputError

# Functions that a model compiles once and keeps: those of Keras, and that of KerasHub's tasks.
TRACED = ("train_function", "test_function", "predict_function", "generate_function")


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
    check_compiled(model)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a lambda, which becomes an error a line later
            config = model.get_compile_config()
        new.compile_from_config(config)
        _exclude_like(new.optimizer, model.optimizer, model, new)
    except (TypeError, ValueError) as error:
        first_line = str(error).splitlines()[0]
        raise InputError(
            "Expected an optimizer, loss and metrics that Keras can serialise with compile=True; "
            "leave compile=False and call compile on the new model. "
            f"Received: model {model.name!r}, for which Keras says: {first_line}"
        ) from error


def check_compiled(model: keras.Model) -> None:
    """Check that a model is compiled, as `compile=True` needs it.

    Raises:
        InputError: If it is not.
    """
    if not model.compiled:
        raise InputError(
            "Expected a compiled model with compile=True. "
            f"Received: uncompiled model {model.name!r}"
        )


@contextlib.contextmanager
def fresh_optimizers(model: keras.Model) -> Iterator[dict[int, Sequence[Any]]]:
    """Give a compiled model, and those inside it, optimizers without a state after a change.

    Loss, metrics and all other options stay as they are. Nothing compiled before is used again.

    Yields:
        A dictionary in which the change notes the new variables by the `id` of each old one.

    Raises:
        InputError: If an optimizer has no config from which another one can be made.
    """
    compiled = [layer for layer in model._flatten_layers() if getattr(layer, "compiled", False)]
    optimizers = [_fresh(layer.optimizer, layer) for layer in compiled]
    excluded = [_excluded(layer.optimizer, model.variables) for layer in compiled]
    replaced: dict[int, Sequence[Any]] = {}
    yield replaced
    _forget_traces(model)
    for layer, optimizer, variables in zip(compiled, optimizers, excluded, strict=True):
        now = [new for old in variables for new in replaced.get(id(old), [old])]
        _exclude(optimizer, now, layer.optimizer)
        _install(layer, optimizer)


def _fresh(optimizer: Any, model: keras.Model) -> Any:
    try:
        return None if optimizer is None else type(optimizer).from_config(optimizer.get_config())
    except (NotImplementedError, TypeError, ValueError) as error:
        first_line = str(error).splitlines()[0]
        raise InputError(
            "Expected an optimizer that Keras can make again from its config; convert the model "
            f"first and compile it then. Received: model {model.name!r}, for which Keras says: "
            f"{first_line}"
        ) from error


def _install(model: keras.Model, optimizer: Any) -> None:
    """Give a compiled model another optimizer."""
    config = model._compile_config.config  # what `compile` was given
    was_wrapped = config.get("optimizer") is not model.optimizer
    model.optimizer = optimizer
    config["optimizer"] = (
        getattr(optimizer, "inner_optimizer", optimizer) if was_wrapped else optimizer
    )


def _forget_traces(model: keras.Model) -> None:
    """Let a model and those inside it trace their functions again, for the variables of now."""
    for layer in model._flatten_layers():
        for name in TRACED:
            if getattr(layer, name, None) is not None:
                setattr(layer, name, None)


def _innermost(optimizer: Any) -> Any:
    return getattr(optimizer, "inner_optimizer", optimizer)  # of loss scaling


def _excluded(optimizer: Any, variables: Sequence[Any]) -> list[Any]:
    """Return those of some variables that an optimizer was told to exclude from weight decay."""
    innermost = _innermost(optimizer)
    keys: set[Any] = getattr(innermost, "_exclude_from_weight_decay", set())
    return [variable for variable in variables if keys and innermost._var_key(variable) in keys]


def _exclude(optimizer: Any, variables: Sequence[Any], like: Any) -> None:
    """Exclude variables from weight decay, and the names that another optimizer excludes."""
    pattern = getattr(_innermost(like), "_exclude_from_weight_decay_pattern", None)
    if variables or pattern is not None:
        names = None if pattern is None else [pattern.pattern]
        _innermost(optimizer).exclude_from_weight_decay(list(variables) or None, names)


def _exclude_like(new: Any, old: Any, model: keras.Model, copy: keras.Model) -> None:
    """Exclude from weight decay what another model's optimizer excludes, found by paths."""
    excluded = {_place(variable) for variable in _excluded(old, model.variables)}
    _exclude(new, [variable for variable in copy.variables if _place(variable) in excluded], old)


def _place(variable: Any) -> str:
    """Return the path of a variable, the same for a kernel and for its factors."""
    layer, _, name = variable.path.rpartition("/")
    return f"{layer}/{re.sub(r'^factor_[0-9]+$|_factor_[0-9]+$', '', name) or 'kernel'}"
