"""The state of a training as arrays: variables of model, optimizer and metrics, and the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.distributed.records import Records
from overparam_tf.errors import InputError


class State:
    """The variables and records of one training, saved as arrays and restored.

    Random seeds are among the model's variables. Under several replicas the arrays are the same for
    each, so that a run may continue on another number of devices; the metrics of an epoch in
    progress are then sums over all.

    Args:
        model: The model, compiled and built; its variables go by their order.
        records: The records so far.
    """

    def __init__(self, model: keras.Model, records: Records):
        self._records = records
        self._variables = {
            **_numbered("model", model.variables),
            **_numbered("optimizer", model.optimizer.variables),
            **_numbered("metrics", model.metrics_variables),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything by name.

        All workers must call this together, since metrics are summed over them.
        """
        variables = {
            name: np.array(tf.convert_to_tensor(variable.value))
            for name, variable in self._variables.items()
        }
        records = {f"records/{name}": array for name, array in self._records.arrays().items()}
        return variables | records

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set everything to what `arrays` returned.

        Raises:
            InputError: If the arrays are of another model, optimizer or list of metrics.
        """
        saved, records = {}, {}
        for name, array in arrays.items():
            if name.startswith("records/"):
                records[name.removeprefix("records/")] = array
            else:
                saved[name] = array
        for name in (*self._variables, *saved):
            expected, received = _shape(self._variables.get(name)), _shape(saved.get(name))
            if expected != received:
                raise InputError(
                    "Expected a checkpoint of this model, optimizer and metrics: "
                    f"{name} is {expected} here. Received: {received}; "
                    "choose another folder, or train the same again"
                )
        for name, variable in self._variables.items():
            variable.assign(tf.constant(saved[name]))
        self._records.restore(records)


def _numbered(owner: str, variables: Sequence[keras.Variable]) -> dict[str, keras.Variable]:
    """Return variables by their place in the list.

    Their names may be equal, and may be others in another process.
    """
    return {f"{owner}/{place}": variable for place, variable in enumerate(variables)}


def _shape(value: Any) -> str:
    return "missing" if value is None else f"an array of shape {tuple(value.shape)}"
