"""Small trainings of every kind that `fit` takes, for `fit`, for `train`, and on two devices.

Rows and steps are few: what is compared is one step of each kind, not a curve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from overparam_tf import train

ROWS, BATCH, LENGTH = 22, 8, 5  # the last batch has 6 rows


def rows(seed: int = 0) -> dict[str, np.ndarray]:
    """Return inputs, targets, labels and weights for all cases."""
    rng = np.random.default_rng(seed)
    sequences = rng.normal(size=(ROWS, LENGTH, 3)).astype("float32")
    for row, length in enumerate(rng.integers(1, LENGTH + 1, ROWS)):
        sequences[row, length:] = 0.0
    return {
        "x": rng.normal(size=(ROWS, 3)).astype("float32"),
        "y": rng.normal(size=(ROWS, 2)).astype("float32"),
        "labels": rng.integers(0, 3, ROWS),
        "sequences": sequences,
        "tokens": rng.integers(0, 3, (ROWS, LENGTH)),
        "weights": rng.uniform(0.1, 2.0, ROWS).astype("float32"),
        "of entries": rng.uniform(0.1, 2.0, (ROWS, LENGTH)).astype("float32"),
    }


R = rows()


def dense(outputs: int = 2) -> keras.Model:
    penalty = keras.regularizers.L2(0.01)
    return keras.Sequential(
        [keras.Input((3,)), layers.Dense(outputs, "tanh", kernel_regularizer=penalty)]
    )


def mixed() -> keras.Model:
    """Return a net whose gradients underflow in float16 unless the loss is scaled."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        return keras.Sequential(
            [keras.Input((3,)), layers.Dense(4), layers.Dense(2, dtype="float32")]
        )
    finally:
        keras.config.set_dtype_policy(policy)


def masked() -> keras.Model:
    return keras.Sequential([keras.Input((LENGTH, 3)), layers.Masking(), layers.Dense(3)])


def two_outputs() -> keras.Model:
    x = keras.Input((3,))
    return keras.Model(x, {"a": layers.Dense(2, name="a")(x), "b": layers.Dense(3, name="b")(x)})


class OwnLoss(keras.Model):
    """Ten times the compiled loss, and a term that is no mean over rows."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = 10 * super().compute_loss(x, y, y_pred, sample_weight)
        return loss + ops.max(y_pred) ** 2 + ops.mean(ops.square(self.trainable_variables[0]))


class OwnStep(keras.Model):
    """A step that counts itself, and a tracker of its own."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.tracker = keras.metrics.Mean(name="own")

    def train_step(self, data):
        logs = super().train_step(data)
        self.tracker.update_state(ops.sum(self.trainable_variables[0]))
        return {**logs, "own": self.tracker.result(), "twice": 2 * logs["loss"]}


class OwnSum(layers.Layer):
    """Adds a loss and leaves its inputs."""

    def call(self, x):
        self.add_loss(0.1 * ops.mean(x**2))
        return x


def functional(kind: type[keras.Model]) -> keras.Model:
    x = keras.Input((3,))
    return kind(x, layers.Dense(2)(x))


def with_added_loss() -> keras.Model:
    x = keras.Input((3,))
    return keras.Model(x, OwnSum()(layers.Dense(2)(x)))


class Items(keras.utils.PyDataset):
    def __len__(self):
        return -(-ROWS // BATCH)

    def __getitem__(self, item):
        part = slice(item * BATCH, (item + 1) * BATCH)
        return R["x"][part], R["y"][part]


def batches():
    """Yield batches without end."""
    while True:
        for item in range(len(Items())):
            yield Items()[item]


def dataset(*names: str) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(tuple(R[name] for name in names)).batch(BATCH)


def of_unknown_length() -> tf.data.Dataset:
    return dataset("x", "y").filter(lambda x, y: True)


def momentum(**options) -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(0.05, momentum=0.9, **options)


@dataclass(frozen=True)
class Case:
    """A training.

    Attributes:
        build: Returns the model.
        data: Returns `x`, `y` and the like, as keywords of `fit`.
        loss: What `compile` takes.
        optimizer: Returns an optimizer.
        compiled: Further arguments of `compile`.
        fitted: Further arguments of `fit` other than the number of epochs.
    """

    build: Callable[[], keras.Model] = dense
    data: Callable[[], Mapping[str, Any]] = lambda: {"x": R["x"], "y": R["y"]}
    loss: Any = "mse"
    optimizer: Callable[[], Any] = momentum
    compiled: Mapping[str, Any] = field(default_factory=dict)
    fitted: Mapping[str, Any] = field(default_factory=lambda: {"batch_size": BATCH})


def cross_entropy() -> keras.losses.Loss:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


BOTH = {"a": "mse", "b": cross_entropy()}
SCALED = 2.0**-20  # of a loss whose gradients float16 cannot hold
ON_TWO_DEVICES = {
    "mixed_float16": Case(
        mixed,
        lambda: {"x": R["x"], "y": R["y"]},
        lambda y, p: SCALED * ops.mean((y - p) ** 2, -1),
        lambda: keras.optimizers.SGD(0.05 / SCALED),
    ),
    "masks": Case(
        masked,
        lambda: {"x": R["sequences"], "y": R["tokens"]},
        cross_entropy(),
        compiled={"metrics": ["accuracy"], "weighted_metrics": ["accuracy"]},
    ),
    "masks and weights": Case(
        masked,
        lambda: {"x": R["sequences"], "y": R["tokens"], "sample_weight": R["of entries"]},
        keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
    ),
    "class weights": Case(
        lambda: dense(3),
        lambda: {"x": R["x"], "y": R["labels"], "class_weight": {0: 3.0, 2: 0.5}},
        cross_entropy(),
        compiled={"weighted_metrics": ["accuracy"], "metrics": ["accuracy"]},
    ),
    "two outputs": Case(
        two_outputs,
        lambda: {
            "x": R["x"],
            "y": {"a": R["y"], "b": R["labels"]},
            "sample_weight": {"a": R["weights"], "b": R["weights"] ** 2},
        },
        BOTH,
        compiled={
            "loss_weights": {"a": 0.3, "b": 2.0},
            "metrics": {"a": ["mae"], "b": ["accuracy"]},
        },
    ),
    "own compute_loss": Case(lambda: functional(OwnLoss)),
    "added losses alone": Case(with_added_loss, lambda: {"x": R["x"]}, None),
}
CASES = ON_TWO_DEVICES | {
    "one loss for two outputs": Case(
        lambda: keras.Model(
            x := keras.Input((3,)), [layers.Dense(2, name=name)(x) for name in ("first", "second")]
        ),
        lambda: {"x": R["x"], "y": [R["y"], R["y"] ** 2], "sample_weight": R["weights"]},
        compiled={"metrics": [["mae"], ["mse", "mae"]]},
    ),
    "own train_step": Case(lambda: functional(OwnStep), compiled={"metrics": ["mae"]}),
    "a schedule": Case(
        optimizer=lambda: keras.optimizers.SGD(
            keras.optimizers.schedules.ExponentialDecay(0.05, 2, 0.5, staircase=True)
        )
    ),
    "accumulated gradients": Case(optimizer=lambda: momentum(gradient_accumulation_steps=2)),
    "averages and clipping": Case(
        optimizer=lambda: momentum(use_ema=True, ema_overwrite_frequency=2, global_clipnorm=0.1)
    ),
    "inputs by name": Case(
        lambda: keras.Model(
            {"a": (a := keras.Input((3,), name="a")), "b": (b := keras.Input((3,), name="b"))},
            layers.Dense(2)(a * b),
        ),
        lambda: {"x": {"b": R["x"], "a": R["x"] ** 2}, "y": R["y"]},
    ),
    "steps of an epoch": Case(fitted={"batch_size": BATCH, "steps_per_epoch": 2}),
    "a part held out": Case(
        fitted={"batch_size": 5, "validation_split": 0.3, "validation_freq": 2},
    ),
    "a dataset of unknown length": Case(data=lambda: {"x": of_unknown_length()}, fitted={}),
    "an endless dataset": Case(
        data=lambda: {"x": dataset("x", "y").repeat(), "validation_data": dataset("x", "y")},
        fitted={"steps_per_epoch": 2, "validation_steps": 1},
    ),
    "a dataset with class weights": Case(
        lambda: dense(3),
        lambda: {"x": dataset("x", "labels"), "class_weight": {0: 3.0, 2: 0.5}},
        cross_entropy(),
        fitted={},
    ),
    "a PyDataset": Case(data=lambda: {"x": Items(workers=2)}, fitted={}),
    "a generator": Case(data=lambda: {"x": batches()}, fitted={"steps_per_epoch": 2}),
}
EPOCHS = 3


def built(case: Case) -> tuple[keras.Model, dict[str, Any]]:
    """Return a model, and the arguments of `compile`."""
    keras.utils.set_random_seed(3)
    return case.build(), {"loss": case.loss, "optimizer": case.optimizer(), **case.compiled}


def trained_by_fit(name: str) -> dict[str, np.ndarray]:
    """Return the history of `fit`, and the weights after it."""
    model, compiled = built(CASES[name])
    model.compile(**compiled)
    # An optimizer that `fit` builds has its step traced twice.
    model.optimizer.build(model.trainable_variables)
    case = CASES[name]
    fitted = model.fit(**case.data(), **case.fitted, shuffle=False, epochs=EPOCHS, verbose=0)
    return _results(fitted.history, model)


def trained_by_train(name: str, strategy: Any = None, **changes: Any) -> dict[str, np.ndarray]:
    """Return the same of `train`, in calls of two steps."""
    case = CASES[name]
    scope = tf.distribute.get_strategy() if strategy is None else strategy
    with scope.scope():
        model, compiled = built(case)
    options = {"epochs": EPOCHS, "steps_per_call": 2, **case.fitted, **changes}
    training = train(model, **case.data(), strategy=strategy, **compiled, **options)
    return _results(training.history, model)


def _results(history: Mapping[str, list[float]], model: keras.Model) -> dict[str, np.ndarray]:
    columns = {f"history/{name}": np.array(values) for name, values in history.items()}
    weights = {
        f"weights/{place}": variable.numpy()
        for place, variable in enumerate(model.trainable_variables)
    }
    return columns | weights
