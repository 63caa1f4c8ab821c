"""Loss, optimizer and metrics as `model.compile` takes them, or those of a compiled model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from overparam_tf.checks import boolean, has_duplicates, one_of, optional, real_number, resolve
from overparam_tf.distributed.objective import has_own
from overparam_tf.errors import InputError, input_error
from overparam_tf.optimizers.keras_optimizer import keras_optimizer

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum")


@dataclass(frozen=True)
class Compilation:
    """The arguments of `train` that are those of `model.compile`.

    Attributes:
        loss: A Keras loss, its name, a function (y, y_pred), or lists or mappings of these.
        optimizer: A Keras optimizer or its name.
        metrics: Metrics or names, or lists or mappings of these.
        loss_weights: Factors of the losses of several outputs.
        weighted_metrics: Metrics that are weighted by `sample_weight` or `class_weight`.
        jit_compile: Whether to compile by XLA.
    """

    loss: Any = None
    optimizer: Any = None
    metrics: Any = None
    loss_weights: Any = None
    weighted_metrics: Any = None
    jit_compile: bool | None = None

    def apply(self, model: keras.Model) -> None:
        """Compile a model, under whose strategy this is called; what is None stays as it is.

        Raises:
            InputError: If an argument is none that Keras knows, or one is missing.
        """
        arguments = self._checked()
        if model.compiled and not arguments:
            _check_losses(model.loss)
            if model.optimizer is None and not has_own(model, "train_step"):
                raise input_error("an optimizer for `train` or for model.compile", optimizer=None)
            return
        if not model.compiled and self.optimizer is None:
            raise input_error("a compiled model, or an optimizer", optimizer=None)
        if model.compiled:
            kept = {
                "optimizer": model.optimizer,
                "run_eagerly": model.run_eagerly,
                "steps_per_execution": model.steps_per_execution,
                "jit_compile": model.jit_compile and not model.run_eagerly,
            }
            arguments = {**kept, **arguments}
        scaled = model.optimizer if model.compiled else None
        if getattr(scaled, "inner_optimizer", None) is arguments["optimizer"]:
            arguments["optimizer"] = scaled  # keeps its scale
        _compile(model, {"jit_compile": False, **arguments})

    def _checked(self) -> dict[str, Any]:
        """Return the arguments other than None."""
        jit_compile = optional("jit_compile", self.jit_compile, boolean)
        _check_losses(self.loss)
        for weight in _entries(self.loss_weights):
            real_number("loss_weights", weight)
        _check_metrics("metrics", self.metrics)
        _check_metrics("weighted_metrics", self.weighted_metrics)
        arguments = {
            "loss": self.loss,
            "optimizer": optional("optimizer", self.optimizer, _optimizer),
            "metrics": self.metrics or None,
            "loss_weights": self.loss_weights,
            "weighted_metrics": self.weighted_metrics or None,
            "jit_compile": jit_compile,
        }
        return {name: value for name, value in arguments.items() if value is not None}


def build_compiled(model: keras.Model, example: Any) -> None:
    """Make the variables of optimizer and metrics, before a loop is traced.

    Args:
        model: The compiled model.
        example: A batch as nested `tf.TensorSpec`.

    Raises:
        InputError: If loss and metrics do not fit the outputs and the data.
    """
    _, y, _ = keras.utils.unpack_x_y_sample_weight(example)
    takes_targets = model.loss is not None and not has_own(model, "compute_loss")
    if y is None and takes_targets and not has_own(model, "train_step"):
        raise input_error("targets y beside a loss that compares outputs with them", y=None)
    optimizer = model.optimizer
    if isinstance(optimizer, keras.optimizers.Optimizer) and not optimizer.built:
        optimizer.build(model.trainable_variables)
    if has_own(model, "train_step"):
        return
    try:
        # As `fit` does under a strategy; no public name does it.
        model._symbolic_build(data_batch=example)
    except InputError:
        raise
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            "Expected data, loss and metrics that fit the model's inputs and outputs. "
            f"Received: {_in_one_line(error)}"
        ) from error


def _compile(model: keras.Model, arguments: Mapping[str, Any]) -> None:
    try:
        model.compile(**arguments)
    except (TypeError, ValueError) as error:
        names = ", ".join(arguments)
        raise InputError(
            f"Expected arguments that {type(model).__name__}.compile takes; compile the model "
            f"before `train` otherwise. Received: {names}: {_in_one_line(error)}"
        ) from error


def _optimizer(name: str, value: Any) -> keras.optimizers.Optimizer:
    return resolve(name, value, keras_optimizer, "a Keras optimizer or its name")


def _check_losses(loss: Any) -> None:
    """Raise an `InputError` unless each entry is a loss whose reduction is a number."""
    for entry in _entries(loss):
        try:
            known = entry if _is_among(entry, "crossentropy", "ce") else keras.losses.get(entry)
        except (AttributeError, KeyError, TypeError, ValueError):
            known = None
        if known is None or not (callable(known) or isinstance(known, str)):
            raise input_error(
                "a Keras loss, its name, or a function (y, y_pred) for loss", loss=entry
            )
        if isinstance(known, keras.losses.Loss):
            one_of("reduction", known.reduction, REDUCTIONS)


def _check_metrics(name: str, metrics: Any) -> None:
    """Raise an `InputError` unless each entry is a metric, and those of a list differ in name."""
    if metrics is not None and not isinstance(metrics, (list, tuple, Mapping)):
        raise input_error(f"a list or a mapping for {name}", **{name: metrics})
    entries = list(_entries(metrics))
    for entry in entries:
        try:
            known = entry if _is_among(entry, "accuracy", "acc") else keras.metrics.get(entry)
        except (AttributeError, KeyError, TypeError, ValueError):
            known = None
        if known is None:
            raise input_error(f"a Keras metric or its name for each of {name}", **{name: entry})
    names = [
        entry if isinstance(entry, str) else getattr(entry, "name", entry) for entry in entries
    ]
    if isinstance(metrics, (list, tuple)) and not any(map(_is_nested, metrics)):
        if has_duplicates(map(str, names)):
            raise InputError(f"Expected {name} with different names. Received: {names}")


def _entries(value: Any) -> Iterator[Any]:
    """Yield the entries of nested lists and mappings other than None."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for entry in value:
            yield from _entries(entry)
    elif value is not None:
        yield value


def _is_among(value: Any, *names: str) -> bool:
    return isinstance(value, str) and value in names


def _is_nested(value: Any) -> bool:
    return isinstance(value, (list, tuple, Mapping))


def _in_one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:400]
