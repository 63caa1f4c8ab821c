"""`train`: any Keras model under any `tf.distribute` strategy, in a compiled loop of our own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.checkpoints.checkpoints import Checkpoints
from overparam_tf.checks import positive_int
from overparam_tf.distributed.batches import make_batches
from overparam_tf.distributed.epochs import Epochs
from overparam_tf.distributed.failures import workers_watched
from overparam_tf.distributed.objective import Objective, make_metrics
from overparam_tf.distributed.replica import Replica
from overparam_tf.distributed.requirements import check, device_of_rows
from overparam_tf.progress import Progress


@dataclass(frozen=True)
class Training:
    """What `train` recorded.

    Attributes:
        steps: One value a step, before its update: ``"loss"``, the total; ``"data_loss"``; ``"penalty"``, the sum of
            ``model.losses``. Arrays of equal length.
        epochs: One value an epoch: ``"loss"`` and the metrics over the epoch's batches, ``"val_..."`` likewise after
            it, what callbacks put into the logs, and ``"seconds"``. Arrays of equal length.
        status: ``"finished"``, or ``"stopped"`` by `should_stop` or a callback.
    """

    steps: dict[str, np.ndarray]
    epochs: dict[str, np.ndarray]
    status: str


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
    progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Training:
    r"""Train a Keras model, on the devices of a strategy, from the newest checkpoint where there is one.

    Each step minimises

    .. math:: L = \frac{1}{n} \sum_{i=1}^{n} \ell_i + P

    over a global batch of n rows, P the sum of ``model.losses`` (regularizers, `add_loss`). Every replica takes its
    contiguous share of the rows, and one sum over replicas makes the gradient of L from theirs, so that the losses are
    those of one device whatever their number, up to round-off. Without a strategy they are those of ``model.fit``
    with ``shuffle=False``.

    Args:
        model: A built Keras model, made under ``strategy.scope()``, as is the optimizer.
        dataset: (x, y) or (x, y, sample_weight), arrays or nested arrays, taken in their order; or a finite
            `tf.data.Dataset` of such tuples of global batches, the same on every worker.
        loss: A Keras loss, its name, or a function (y, y_pred) of values per row.
        optimizer: A Keras optimizer.
        strategy: Default None, the one that the model was made under.
        batch_size: Rows of a global batch, all replicas together. For arrays only.
        epochs: How often to go through the data, those of the checkpoint included; default 10.
        validation: Like `dataset`, or several by name; evaluated after each epoch. The names are the prefixes of the
            logs; that of a single one is ``"val"``.
        validation_batch_size: Rows of a batch of `validation`, where that is arrays; default None, `batch_size`.
            ``model.losses`` are computed once a batch: with a penalty on a product, larger ones pay.
        metrics: Keras metrics made under the scope, or names.
        steps_per_call: The most steps in one call of the compiled loop; default 50. Callbacks, checkpoints and
            `should_stop` come between calls.
        jit_compile: Compile by XLA. Convolutions become many times slower by it on a CPU.
        callbacks: Keras callbacks. ``on_train_begin``, ``on_train_end``, ``on_epoch_begin`` and ``on_epoch_end`` are
            called as by `fit`, ``on_train_batch_begin`` and ``on_train_batch_end`` once a call, with the number of the
            call's first and last step, as `fit` does with ``steps_per_execution``; the logs of a batch have the
            epoch's ``"loss"`` so far. ``model.stop_training`` is honoured.
        checkpoints: Where to save and to continue from: all variables, seeds, and the records below.
        checkpoint_seconds: Save at the end of each epoch, and after so many seconds within one; default 60.
        progress: Called with an `overparam_tf.progress.Progress` after each call.
        should_stop: Asked after each call; training then saves and ends.

    Returns:
        A `Training`.

    Raises:
        InputError: If an argument is not as described, or a checkpoint is of another training.
        WorkerLostError: If another worker of a cluster ended or cannot be reached.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="zeros")])
        >>> x, y = np.eye(2), np.ones((2, 1))
        >>> training = train(model, (x, y), "mse", keras.optimizers.SGD(0.25), batch_size=2, epochs=2)
        >>> training.steps["loss"].tolist()  # first 1; a step of 1/4 (weights) and 1/2 (bias) leaves 1/16
        [1.0, 0.0625]
    """
    strategy = strategy if strategy is not None else model.distribute_strategy
    check(model, optimizer, strategy)
    epochs, steps_per_call = (
        positive_int("epochs", epochs),
        positive_int("steps_per_call", steps_per_call),
    )
    device = device_of_rows(strategy)
    batches = make_batches(dataset, batch_size, device)
    validations = (
        validation
        if isinstance(validation, Mapping)
        else {}
        if validation is None
        else {"val": validation}
    )
    if validation_batch_size is None:
        validation_batch_size = batch_size
    else:
        positive_int("validation_batch_size", validation_batch_size)
    evaluated = {
        name: make_batches(
            data, None if isinstance(data, tf.data.Dataset) else validation_batch_size, device
        )
        for name, data in validations.items()
    }
    objective = Objective(loss, strategy.num_replicas_in_sync)
    alone = strategy.num_replicas_in_sync == 1
    with workers_watched(strategy), strategy.scope():
        if not optimizer.built:
            optimizer.build(model.trainable_variables)
        model.optimizer = optimizer  # callbacks look for it there
        replica = Replica(
            model,
            objective,
            optimizer,
            make_metrics(metrics, strategy),
            device,
            jit_compile and not alone,
        )
        run = Epochs(
            strategy,
            replica,
            batches,
            evaluated,
            steps_per_call,
            jit_compile and alone,
            should_stop,
        )
        run.run(epochs, callbacks, checkpoints, checkpoint_seconds, progress)
        optimizer.finalize_variable_values(model.trainable_variables)
    status = "finished" if len(run.records.epochs) == epochs else "stopped"
    return Training(run.records.steps(), run.records.epoch_columns(), status)
