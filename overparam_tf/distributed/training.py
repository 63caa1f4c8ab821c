"""`train`: any Keras model under any `tf.distribute` strategy, in a compiled loop of our own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.checkpoints import Checkpoints
from overparam_tf.checks import function, optional, positive_int
from overparam_tf.distributed.alike import require_same_data
from overparam_tf.distributed.call_forms import takes_earlier_form
from overparam_tf.distributed.compilation import Compilation, build_compiled
from overparam_tf.distributed.epochs import Epochs
from overparam_tf.distributed.evaluation import Evaluation
from overparam_tf.distributed.failures import workers_watched
from overparam_tf.distributed.forms import training_data, validation_sets
from overparam_tf.distributed.requirements import (
    check_made_under,
    check_model,
    check_saveable,
    check_several,
    device_of_rows,
)
from overparam_tf.distributed.schedule import make_schedule
from overparam_tf.distributed.steps import make_steps
from overparam_tf.distributed.strategies import check_strategy
from overparam_tf.distributed.workers import Workers
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
            length, with NaN in epochs without such a value.
        status: `TrainingStatus.FINISHED`, or `TrainingStatus.STOPPED` if `should_stop` or a
            callback ended the training.
        history: Lists of the values of `epochs`, as in the `history` of what `fit` returns.
    """

    steps: dict[str, np.ndarray]
    epochs: dict[str, np.ndarray]
    status: TrainingStatus
    history: dict[str, list[float]] = field(default_factory=dict)


@takes_earlier_form
def train(
    model: keras.Model,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: int | str = 0,
    callbacks: Sequence[keras.callbacks.Callback] | None = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool | str = False,
    class_weight: Mapping[int, float] | None = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: int | Collection[int] = 1,
    *,
    loss: Any = None,
    optimizer: keras.optimizers.Optimizer | str | None = None,
    metrics: Any = None,
    loss_weights: Any = None,
    weighted_metrics: Any = None,
    jit_compile: bool | None = None,
    strategy: tf.distribute.Strategy | None = None,
    steps_per_call: int | None = None,
    shuffle_seed: int = 0,
    checkpoints: Checkpoints | None = None,
    checkpoint_seconds: float = 60.0,
    progress: Callable[[Progress], object] | None = None,
    should_stop: Callable[[], object] | None = None,
) -> Training:
    r"""Train a Keras model as `model.fit` does, on the devices of a strategy.

    Training begins at the newest checkpoint if there is one. Each step minimises

    $$L = \frac{1}{n} \sum_{i=1}^{n} \ell_i + P$$

    over a global batch of n rows, P the sum of `model.losses` (regularizers, `add_loss`), or what
    the model's own `compute_loss` returns. Every replica calls the model on its contiguous share of
    the rows, and the loss of the whole batch is computed from all outputs. So the losses are those
    of one device, up to round-off, on any number of them, whatever the loss and its masks. Without
    a strategy they are those of `model.fit` with `shuffle=False`.

    The first arguments are those of `fit`, in its order; `verbose` and `shuffle` are off by
    default. `loss`, `optimizer` and the others of `model.compile` are not needed for a compiled
    model. Those given here compile it, and what is not given stays as it is.

    The form `train(model, (x, y), loss, optimizer, strategy, batch_size=...)` is understood too.

    Args:
        model: A built Keras model, made under `strategy.scope()`, as is the optimizer. Its own
            `train_step` and `test_step` are called as by `fit`, on one replica only.
        x: Arrays, or lists or mappings of arrays, taken in their order; a tuple (x, y) or (x, y,
            sample_weight) of them; or batches of such tuples: a `tf.data.Dataset`, a
            `keras.utils.PyDataset`, a generator, a data loader of PyTorch or Grain. The same global
            batches on every worker. Dense arrays only.
        y: The targets, if `x` is arrays; default None.
        batch_size: Rows of a global batch, of all replicas together; default None, 32. For arrays
            only.
        epochs: Number of the epoch at which the training ends, those of the checkpoint included;
            default 1.
        verbose: 0, 1, 2 or `"auto"`: what is printed, as by `fit`; default 0, nothing.
        callbacks: Keras callbacks; default None. `on_train_begin`, `on_train_end`,
            `on_epoch_begin`, `on_epoch_end` and those for tests are called as by `fit`;
            `on_train_batch_begin` and `on_train_batch_end` once a call, with the number of the
            call's first and last step, as `fit` does with `steps_per_execution`. A callback may set
            `model.stop_training`.
        validation_split: Fraction of the rows of arrays, the last of them, that are held out for
            validation; default 0.
        validation_data: Data like `x`, or several by name, to evaluate after each epoch. The names
            are the prefixes of the logs; that of a single one is `"val"`. Default None.
        shuffle: Whether each epoch takes the rows in another order, or `"batch"` to exchange rows
            of one batch only; default False. A `PyDataset` is shuffled by batches.
        class_weight: Factor of the loss of a row by the number of its class; default None.
        sample_weight: Factor of the loss of each row, or of each entry; default None.
        initial_epoch: Number of the epoch at which to begin; default 0.
        steps_per_epoch: The most steps of an epoch; default None, all batches. The next epoch goes
            on where it ended.
        validation_steps: The most batches of a validation set; default None, all.
        validation_batch_size: Rows of a batch of `validation_data`, if that is arrays; default
            None, `batch_size`. Penalties on weights are computed once an evaluation, whatever the
            batches.
        validation_freq: Validate every so many epochs, or after the epochs of a list, counted from
            1; default 1.
        loss: A Keras loss, its name, a function (y, y_pred) of values per row, or lists or mappings
            of them for several outputs; default None, that of the compiled model.
        optimizer: A Keras optimizer or its name; default None, that of the compiled model. With the
            policy `"mixed_float16"` the loss is scaled, as by `fit`.
        metrics: Keras metrics made under the scope, or names, or lists or mappings of them; default
            None, those of the compiled model.
        loss_weights: Factors of the losses of several outputs; default None.
        weighted_metrics: Metrics that are weighted by `sample_weight` or `class_weight`; default
            None.
        jit_compile: Compile by XLA; default None, as the model was compiled, or else False. It
            makes convolutions many times slower on a CPU.
        strategy: The devices; default None, the strategy under which the model was made.
        steps_per_call: The most steps in one call of the compiled loop. Callbacks, checkpoints and
            `should_stop` are called between calls. Default None: `steps_per_execution` of the
            compiled model if that is above 1, or if a callback other than Keras's own acts on
            batches; otherwise 50.
        shuffle_seed: Seed of the order of the rows; default 0. It and the epoch determine the
            order, also after a checkpoint.
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
        InputError: If an argument is not as described, a checkpoint is of another training, or the
            workers of a cluster have different data.
        WorkerLostError: If another worker of a cluster ended or cannot be reached.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.set_weights([np.zeros((2, 1)), np.zeros(1)])
        >>> model.compile(keras.optimizers.SGD(0.25), "mse")
        >>> x, y = np.eye(2), np.ones((2, 1))
        >>> training = train(model, x, y, batch_size=2, epochs=2)
        >>> training.history["loss"]  # a step of 1/4 (weights) and 1/2 (bias) leaves 1/16
        [1.0, 0.0625]
    """
    check_model(model)
    strategy = check_strategy(model.distribute_strategy if strategy is None else strategy)
    compilation = Compilation(loss, optimizer, metrics, loss_weights, weighted_metrics, jit_compile)
    device = device_of_rows(strategy)
    steps_per_epoch = optional("steps_per_epoch", steps_per_epoch, positive_int)
    validation_steps = optional("validation_steps", validation_steps, positive_int)
    with workers_watched(strategy), strategy.scope():
        compilation.apply(model)
        schedule = make_schedule(
            model,
            epochs=epochs,
            initial_epoch=initial_epoch,
            steps_per_call=steps_per_call,
            validation_freq=validation_freq,
            callbacks=callbacks,
            verbose=verbose,
            checkpoints=checkpoints,
            checkpoint_seconds=checkpoint_seconds,
            progress=optional("progress", progress, function),
            should_stop=optional("should_stop", should_stop, function),
        )
        data, held_out = training_data(model, x, y, sample_weight, class_weight, validation_split)
        data = data.shuffled(shuffle, shuffle_seed)
        feed = data.feed(batch_size, steps_per_epoch, device)
        sets = validation_sets(held_out if validation_data is None else validation_data)
        size = optional("validation_batch_size", validation_batch_size, positive_int) or batch_size
        feeds = {
            name: each.feed(None if each.has_batches else size, validation_steps, device)
            for name, each in sets.items()
        }
        build_compiled(model, feed.source.example)
        if schedule.checkpoints is not None:
            check_saveable(model)
        check_made_under(model, strategy)
        if strategy.num_replicas_in_sync > 1:
            check_several(model, bool(feeds))
        workers = Workers(strategy)
        workers.require_alike("number of epochs", f"{schedule.initial_epoch} to {epochs}")
        require_same_data(workers, "x and y", feed)
        for name, each in feeds.items():
            require_same_data(workers, f"{name}, to validate on", each)
        steps = make_steps(model, strategy, device, schedule.steps_per_call)
        evaluation = Evaluation(model, steps, feeds, schedule.steps_per_call)
        run = Epochs(strategy, model, steps.train, feed, evaluation, schedule)
        run.run()
        if isinstance(model.optimizer, keras.optimizers.Optimizer):
            model.optimizer.finalize_variable_values(model.trainable_variables)
    status = TrainingStatus.FINISHED if run.epoch >= epochs else TrainingStatus.STOPPED
    records = run.records
    return Training(records.steps(), records.epoch_columns(), status, records.history())
