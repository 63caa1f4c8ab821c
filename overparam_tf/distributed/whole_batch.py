"""Loss, gradients and metrics of a global batch, from the outputs of all replicas."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

# Masks have no public name.
from keras.src.backend import set_keras_mask

from overparam_tf.distributed.objective import Objective
from overparam_tf.distributed.outputs import Outputs, without_row_count


@dataclass(frozen=True)
class Results:
    """What follows from the outputs for a global batch.

    Attributes:
        losses: Total, data loss and penalty, shape (3,).
        of_outputs: Gradient of the scaled total with respect to each output, None without one.
        of_penalties: The same with respect to each penalty.
        of_parameters: The same with respect to each trainable variable, where a loss of its own
            depends on it other than through outputs and penalties.
        values: New values of variables, by their place in `variables_of`.
    """

    losses: tf.Tensor
    of_outputs: list[tf.Tensor | None]
    of_penalties: list[tf.Tensor | None]
    of_parameters: list[tf.Tensor | None]
    values: dict[str, tf.Tensor]


class WholeBatch:
    """The part of a step that one device and several have in common.

    It is computed from the outputs for all rows. So it is the same for every loss: means over
    unmasked entries, sums over several outputs, and losses that compare rows.

    Args:
        model: A built and compiled Keras model.
    """

    def __init__(self, model: keras.Model):
        self.model, self.objective = model, Objective(model)
        self._programs: dict[Any, Callable] = {}

    def __call__(
        self, values: list, batch: tuple, outputs: Outputs, scale: tf.Tensor, training: bool
    ) -> Results:
        """Return losses, gradients and new values.

        Args:
            values: Values of the variables of `variables_of`.
            batch: (x, y, sample_weight) of all rows, the last two possibly None.
            outputs: The outputs for all rows.
            scale: Factor of the total before it is differentiated.
            training: Whether the model trains; otherwise there are no gradients.
        """
        flat_y_pred = tf.nest.flatten(outputs.y_pred)
        parts = [values, batch, flat_y_pred, outputs.masks, outputs.penalties, scale]
        tensors = [part for part in tf.nest.flatten(parts) if part is not None]
        key = (training, str(tf.nest.map_structure(_spec, parts)))
        if key not in self._programs:

            def compute(tensors: list) -> tuple:
                rest = iter(tensors)
                same = tf.nest.map_structure(
                    lambda part: None if part is None else next(rest), parts
                )
                return self._compute(same, outputs.y_pred, training)

            # Within a strategy Keras divides losses by the number of replicas. A new thread is not
            # within one.
            program = tf.function(compute, autograph=False)
            with ThreadPoolExecutor(1) as thread:
                traced = thread.submit(program.get_concrete_function, list(map(_spec, tensors)))
            self._programs[key] = traced.result()
        return Results(*self._programs[key](tensors))

    def _compute(self, parts: list, like: Any, training: bool) -> tuple:
        """Return the attributes of `Results` in order; `like` has the structure of the outputs."""
        values, batch, y_pred, masks, penalties, scale = parts
        x, y, weights = batch
        variables = variables_of(self.model)
        for output, mask in zip(y_pred, masks, strict=True):
            set_keras_mask(output, mask)
        mapping = list(zip(variables, values, strict=True))
        parameters = values[: len(self.model.trainable_variables)]
        with tf.GradientTape() as tape:
            tape.watch([*_floating(y_pred), *penalties, *parameters])
            nested = without_row_count(tf.nest.pack_sequence_as(like, y_pred))
            with keras.StatelessScope(mapping) as scope:
                before = [scope.get_current_value(variable) for variable in variables]
                losses = self.objective(batch, nested, penalties, training)
                self.model.compute_metrics(x, y, nested, sample_weight=weights)
            total, _, _ = tf.unstack(losses)
            scaled = total * tf.cast(scale, total.dtype)
        new = {
            str(place): scope.get_current_value(variable)
            for place, variable in enumerate(variables)
            if scope.get_current_value(variable) is not before[place]
        }
        if not training:
            return losses, [], [], [], new
        gradients = tape.gradient(scaled, [y_pred, penalties, parameters])
        return losses, *gradients, new


def variables_of(model: keras.Model) -> list[keras.Variable]:
    """Return all variables of a model and its metrics, the trainable ones first."""
    variables = [*model.trainable_variables, *model.non_trainable_variables]
    known = set(map(id, variables))
    return variables + [v for v in model.metrics_variables if id(v) not in known]


def _floating(tensors: list) -> list:
    return [tensor for tensor in tensors if tensor.dtype.is_floating]


def _spec(part: tf.Tensor | None) -> tf.TensorSpec | None:
    return None if part is None else tf.TensorSpec(part.shape, part.dtype)
