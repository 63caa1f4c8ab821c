from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from overparam_tf import InputError, get_strategy, train
from overparam_tf.checkpoints import Checkpoints
from overparam_tf.distributed import is_chief

CLUSTER = {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}
BAD_CONFIGS = [
    "",
    "{",
    "[]",
    "{}",
    json.dumps({"cluster": CLUSTER}),
    json.dumps({"cluster": {}, "task": {}}),
]


def lines_of(kind):
    lines = []
    return get_strategy(kind, report=lines.append), lines


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="says GPU")
@pytest.mark.parametrize("kind", ["auto", "cpu"])
def test_one_cpu_is_said_to_be_one(kind, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    strategy, lines = lines_of(kind)
    assert (
        lines == ["Training on one CPU."]
        and strategy.num_replicas_in_sync == 1
        and is_chief(strategy)
    )


def test_mirrored_takes_every_device():
    strategy, lines = lines_of("mirrored")
    assert strategy.num_replicas_in_sync >= 1 and lines[0].endswith("in step.")


@pytest.mark.parametrize("kind", ["tpu", "", None])
def test_another_kind_is_refused(kind):
    with pytest.raises(InputError, match="one of 'auto', 'cpu', 'gpu', 'mirrored', 'multiworker'"):
        get_strategy(kind)


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="there is one")
def test_a_gpu_where_there_is_none_is_refused():
    with pytest.raises(InputError, match="Expected a GPU"):
        get_strategy("gpu")


@pytest.mark.parametrize("config", BAD_CONFIGS)
def test_workers_without_a_readable_cluster_are_refused(config, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(InputError, match=r"Expected TF_CONFIG=.*Received"):
        get_strategy("multiworker")


def linear(**options):
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, **options)])


DATA = np.eye(2, dtype="float32"), np.ones((2, 1), "float32")
BATCHED = tf.data.Dataset.from_tensor_slices(DATA).batch(2)
REFUSED = {
    "no batch size": ({"batch_size": 0}, "positive integer for batch_size"),
    "no rows to validate on": (
        {"batch_size": 2, "validation": DATA, "validation_batch_size": 0},
        "positive integer for validation_batch_size",
    ),
    "a batch size beside batches": ({"dataset": BATCHED, "batch_size": 2}, "no batch_size beside"),
    "endless data": ({"dataset": BATCHED.repeat()}, "finite dataset for x, or a number of steps"),
    "rows that do not match": (
        {"dataset": (DATA[0], DATA[1][:1]), "batch_size": 2},
        "same number of rows",
    ),
    "no labels": ({"dataset": DATA[0], "batch_size": 2}, "targets y beside a loss"),
    "two kinds of weights": (
        {"dataset": (*DATA, DATA[1][:, 0]), "class_weight": {0: 1.0}},
        "either class_weight or sample_weight",
    ),
    "a sparse array": (
        {"dataset": (tf.sparse.from_dense(DATA[0]), DATA[1])},
        "Expected dense arrays",
    ),
    "another order of batches": ({"dataset": BATCHED, "shuffle": True}, "shuffle it there"),
    "a part of batches": ({"dataset": BATCHED, "validation_split": 0.5}, "arrays beside"),
    "labels for other outputs": ({"dataset": (DATA[0], {"a": DATA[1]})}, "fit the model's inputs"),
    "no such loss": ({"batch_size": 2, "loss": 3}, "Expected a Keras loss"),
    "no reduction": (
        {"batch_size": 2, "loss": keras.losses.MeanSquaredError(reduction="none")},
        "reduction",
    ),
    "no such metric": ({"batch_size": 2, "metrics": ["acuracy"]}, "Expected a Keras metric"),
    "a metric twice": ({"batch_size": 2, "metrics": ["mae", "mae"]}, "different names"),
    "no epochs": ({"batch_size": 2, "epochs": 0}, "positive integer for epochs"),
    "no such optimizer": ({"batch_size": 2, "optimizer": "sdg"}, "Expected a Keras optimizer"),
    "a model not built": (
        {"batch_size": 2, "model": keras.Sequential([keras.layers.Dense(1)])},
        "built keras.Model",
    ),
    "nothing to train": (
        {"batch_size": 2, "model": linear(trainable=False)},
        "trainable variables",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_train_cannot_use_is_refused(case):
    changes, message = REFUSED[case]
    arguments = {
        "model": linear(),
        "dataset": DATA,
        "loss": "mse",
        "optimizer": keras.optimizers.SGD(),
    } | changes
    with pytest.raises(InputError, match=message):
        train(**arguments)


@pytest.mark.parametrize("elsewhere", ["model", "optimizer"])
def test_what_was_not_made_under_the_strategy_is_refused(elsewhere):
    strategy, _ = lines_of("cpu")
    with strategy.scope():
        made = {"model": linear(), "optimizer": keras.optimizers.SGD()}
    made[elsewhere] = {"model": linear, "optimizer": keras.optimizers.SGD}[elsewhere]()
    with pytest.raises(InputError, match=f"Expected a {elsewhere} made under"):
        train(dataset=DATA, loss="mse", batch_size=2, strategy=strategy, **made)


def test_the_strategy_is_the_models_own_by_default():
    with lines_of("cpu")[0].scope():
        model, optimizer = linear(), keras.optimizers.SGD()
    assert train(model, DATA, "mse", optimizer, batch_size=2, epochs=1).status == "finished"


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    for model, refused in ((linear(), False), (linear(use_bias=False), True)):
        arguments = (model, DATA, "mse", keras.optimizers.SGD())
        options = {"batch_size": 2, "epochs": 1, "checkpoints": Checkpoints(tmp_path, {})}
        if not refused:
            train(*arguments, **options)
            continue
        with pytest.raises(InputError, match="Expected a checkpoint of this model"):
            train(*arguments, **options)
