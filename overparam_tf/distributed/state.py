"""All that training needs to continue, as arrays: variables of model, optimizer and metrics, and the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.distributed.records import Records
from overparam_tf.errors import InputError


class State:
    """The variables and records of one training, to arrays and back.

    Random seeds are among the model's variables. Under several replicas the arrays are the same for each, so that a
    run may continue on another number of devices; the metrics of an epoch in progress are then sums over all.

    Args:
        model: Its variables, by their order and path.
        optimizer: Built.
        metrics: Keras metrics.
        records: The losses so far.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        metrics: Sequence[keras.metrics.Metric],
        records: Records,
    ):
        self._records = records
        self._variables = {
            **_named("model", model.variables),
            **_named("optimizer", optimizer.variables),
            **_named("metrics", [variable for metric in metrics for variable in metric.variables]),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything by name. Every worker must call this together: metrics are summed over them."""
        variables = {
            name: np.array(tf.convert_to_tensor(v.value)) for name, v in self._variables.items()
        }
        return variables | {
            f"records/{name}": array for name, array in self._records.arrays().items()
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set everything to what `arrays` returned.

        Raises:
            InputError: If the arrays are of another model, optimizer or list of metrics.
        """
        saved = {name: array for name, array in arrays.items() if not name.startswith("records/")}
        for name in (*self._variables, *saved):
            ours, theirs = (_shape(where.get(name)) for where in (self._variables, saved))
            if ours != theirs:
                raise InputError(
                    f"Expected a checkpoint of this model, optimizer and metrics: {name} is {ours} here. "
                    f"Received: {theirs}; choose another folder, or train the same again"
                )
        for name, variable in self._variables.items():
            variable.assign(tf.constant(saved[name]))
        self._records.restore(
            {name.removeprefix("records/"): a for name, a in arrays.items() if name not in saved}
        )


def _named(owner: str, variables: Sequence[keras.Variable]) -> dict[str, keras.Variable]:
    # The place in the list, since names need not differ, nor be the same in another process.
    return {f"{owner}/{place}": variable for place, variable in enumerate(variables)}


def _shape(value) -> str:
    return "missing" if value is None else f"an array of shape {tuple(value.shape)}"
