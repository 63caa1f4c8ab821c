"""`train`: any Keras model under any `tf.distribute` strategy, in a compiled loop of our own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.checkpoints import Checkpoints
from overparam_tf.checks import (
    boolean,
    function,
    instance_of,
    list_of,
    mapping_of,
    optional,
    positive_int,
    real_number,
)
from overparam_tf.distributed.batches import Batches, make_batches
from overparam_tf.distributed.epochs import Epochs
from overparam_tf.distributed.failures import workers_watched
from overparam_tf.distributed.objective import Objective, make_metrics
from overparam_tf.distributed.replica import Replica
from overparam_tf.distributed.requirements import check_model, check_trainable, device_of_rows
from overparam_tf.distributed.strategies import check_strategy
from overparam_tf.progress import Progress
from overparam_tf.status import TrainingStatus


@dataclass(frozen=True)
class Training:
    """The records of a training.

    Attributes:
        steps: One value a step, before its update: `"loss"`, the total; `"data_loss"`; `"penalty"`,
            the sum of `model.losses`. Arrays of equal length.
        epochs: One value an epoch: `"loss"` and the metrics over the epoch's batches, `"val_..."`
            after it, entries that callbacks put into the logs, and `"seconds"`. Arrays of equal
            length.
        status: `TrainingStatus.FINISHED`, or `TrainingStatus.STOPPED` if `should_stop` or a
            callback ended the training.
    """

    steps: dict[str, np.ndarray]
    epochs: dict[str, np.ndarray]
    status: TrainingStatus


def train(
    model: keras.Model,
    dataset: Any,
    loss: Any,
    optimizer: keras.optimizers.Optimizer,
    strategy: tf.distribute.Strategy | None = None,
    *,
    batch_size: int | None = None,
    epochs: int = 10,
    validation: Any = None,
    validation_batch_size: int | None = None,
    metrics: Sequence = (),
    steps_per_call: int = 50,
    jit_compile: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoints: Checkpoints | None = None,
    checkpoint_seconds: float = 60.0,
    progress: Callable[[Progress], object] | None = None,
    should_stop: Callable[[], object] | None = None,
) -> Training:
    r"""Train a Keras model on the devices of a strategy.

    Training begins at the newest checkpoint if there is one. Each step minimises

    $$L = \frac{1}{n} \sum_{i=1}^{n} \ell_i + P$$

    over a global batch of n rows, P the sum of `model.losses` (regularizers, `add_loss`). Every
    replica takes its contiguous share of the rows, and one sum over replicas makes the gradient of
    L from theirs. So the losses are those of one device, up to round-off, on any number of them.
    Without a strategy they are those of `model.fit` with `shuffle=False`.

    Args:
        model: A built Keras model, made under `strategy.scope()`, as is the optimizer.
        dataset: (x, y) or (x, y, sample_weight), arrays or nested arrays, taken in their order; or
            a finite `tf.data.Dataset` of such tuples of global batches, the same on every worker.
        loss: A Keras loss, its name, or a function (y, y_pred) of values per row.
        optimizer: A Keras optimizer.
        strategy: The devices; default None, the strategy under which the model was made.
        batch_size: Rows of a global batch, of all replicas together. For arrays only.
        epochs: Number of passes over the data, those of the checkpoint included; default 10.
        validation: Data like `dataset`, or several by name, to evaluate after each epoch. The names
            are the prefixes of the logs; that of a single one is `"val"`. Default None.
        validation_batch_size: Rows of a batch of `validation`, if that is arrays; default None,
            `batch_size`. `model.losses` are computed once a batch: larger batches are faster if a
            penalty on a product is among them.
        metrics: Keras metrics made under the scope, or names.
        steps_per_call: The most steps in one call of the compiled loop; default 50. Callbacks,
            checkpoints and `should_stop` are called between calls.
        jit_compile: Compile by XLA; default False. It makes convolutions many times slower on a
            CPU.
        callbacks: Keras callbacks. `on_train_begin`, `on_train_end`, `on_epoch_begin` and
            `on_epoch_end` are called as by `fit`; `on_train_batch_begin` and `on_train_batch_end`
            once a call, with the number of the call's first and last step, as `fit` does with
            `steps_per_execution`. The logs of a batch hold the epoch's `"loss"` so far. A callback
            may set `model.stop_training`.
        checkpoints: Where to save and to continue from: all variables, seeds, and the records.
            Default None, no checkpoints.
        checkpoint_seconds: Seconds between two checkpoints within an epoch, >= 0; default 60. One
            more is saved at the end of each epoch.
        progress: Called with an `overparam_tf.progress.Progress` after each call; default None.
        should_stop: Called after each call; if it returns true, training saves and ends. Default
            None.

    Returns:
        A `Training`.

    Raises:
        InputError: If an argument is not as described, or a checkpoint is of another training.
        WorkerLostError: If another worker of a cluster ended or cannot be reached.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.set_weights([np.zeros((2, 1)), np.zeros(1)])
        >>> x, y = np.eye(2), np.ones((2, 1))
        >>> optimizer = keras.optimizers.SGD(0.25)
        >>> training = train(model, (x, y), "mse", optimizer, batch_size=2, epochs=2)
        >>> training.steps["loss"].tolist()  # a step of 1/4 (weights) and 1/2 (bias) leaves 1/16
        [1.0, 0.0625]
    """
    check_model(model)
    strategy = check_strategy(model.distribute_strategy if strategy is None else strategy)
    check_trainable(model, optimizer, strategy)
    epochs = positive_int("epochs", epochs)
    steps_per_call = positive_int("steps_per_call", steps_per_call)
    jit_compile = boolean("jit_compile", jit_compile)
    callbacks = list_of("callbacks", callbacks, _callback)
    optional("checkpoints", checkpoints, _checkpoints)
    checkpoint_seconds = real_number("checkpoint_seconds", checkpoint_seconds, least=0)
    progress = optional("progress", progress, function)
    should_stop = optional("should_stop", should_stop, function)
    device = device_of_rows(strategy)
    batches = make_batches("dataset", dataset, batch_size, device)
    size = optional("validation_batch_size", validation_batch_size, positive_int) or batch_size
    validations = _validation_batches(validation, size, device)
    objective = Objective(loss, strategy.num_replicas_in_sync)
    is_alone = strategy.num_replicas_in_sync == 1
    with workers_watched(strategy), strategy.scope():
        made_metrics = make_metrics(metrics, strategy)
        if not optimizer.built:
            optimizer.build(model.trainable_variables)
        model.optimizer = optimizer  # callbacks look for it there
        replica = Replica(
            model, objective, optimizer, made_metrics, device, jit_compile and not is_alone
        )
        run = Epochs(
            strategy,
            replica,
            batches,
            validations,
            steps_per_call,
            jit_compile and is_alone,
            should_stop,
        )
        run.run(epochs, callbacks, checkpoints, checkpoint_seconds, progress)
        optimizer.finalize_variable_values(model.trainable_variables)
    is_finished = len(run.records.epochs) == epochs
    status = TrainingStatus.FINISHED if is_finished else TrainingStatus.STOPPED
    return Training(run.records.steps(), run.records.epoch_columns(), status)


def _validation_batches(validation: Any, size: int | None, device: str) -> dict[str, Batches]:
    """Return the batches of each validation set, by name."""
    if validation is None:
        return {}

    def batches(name: str, data: Any) -> Batches:
        return make_batches(name, data, None if isinstance(data, tf.data.Dataset) else size, device)

    named = validation if isinstance(validation, Mapping) else {"val": validation}
    return mapping_of("validation", named, batches)


def _callback(name: str, value: object) -> keras.callbacks.Callback:
    expected = "a Keras callback for each of"
    return instance_of(name, value, keras.callbacks.Callback, expected)


def _checkpoints(name: str, value: object) -> Checkpoints:
    return instance_of(name, value, Checkpoints, "an overparam_tf.Checkpoints or None")
