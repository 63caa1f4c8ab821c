"""Every public argument of training on devices refuses what it cannot use, in one line."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest

from overparam_tf import get_strategy, train
from overparam_tf.distributed import is_chief, workers_watched
from overparam_tf.distributed.workers import Workers
from tests.arguments.bad_values import Argument, assert_refused, cases

DATA = np.eye(2, dtype="float32"), np.ones((2, 1), "float32")


@functools.cache
def model() -> keras.Model:
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


def trained(**changes):
    right = {"x": DATA, "loss": "mse", "batch_size": 2, "epochs": 1}
    if "model" not in changes:
        right["model"] = model()
    if "optimizer" not in changes:
        right["optimizer"] = keras.optimizers.SGD()
    return train(**{**right, **changes})


def argument(name: str, *accepted: str) -> Argument:
    return Argument(lambda value: trained(**{name: value}), accepted)


def watched(strategy):
    with workers_watched(strategy):
        pass


ARGUMENTS = {
    "train model": argument("model"),
    "train x": argument("x"),
    "train validation_split": argument("validation_split"),
    "train shuffle": argument("shuffle", "a bool"),
    "train shuffle_seed": argument("shuffle_seed"),
    "train class_weight": argument("class_weight", "None"),
    "train sample_weight": argument("sample_weight", "None"),
    "train initial_epoch": argument("initial_epoch"),
    "train steps_per_epoch": argument("steps_per_epoch", "None"),
    "train validation_steps": argument("validation_steps", "None"),
    "train validation_freq": argument("validation_freq"),
    "train verbose": argument("verbose"),
    "train loss": argument("loss", "None"),
    "train optimizer": argument("optimizer", "None"),
    "train loss_weights": argument("loss_weights", "None"),
    "train weighted_metrics": argument("weighted_metrics", "None"),
    "train strategy": argument("strategy", "None"),
    "train batch_size": argument("batch_size", "None"),
    "train epochs": argument("epochs"),
    "train validation_data": argument("validation_data", "None"),
    "train validation_batch_size": argument("validation_batch_size", "None"),
    "train metrics": argument("metrics", "None"),
    "train steps_per_call": argument("steps_per_call", "None"),
    "train jit_compile": argument("jit_compile", "None", "a bool"),
    "train callbacks": argument("callbacks", "None"),
    "train checkpoints": argument("checkpoints", "None"),
    "train checkpoint_seconds": argument("checkpoint_seconds"),
    "train progress": argument("progress", "None"),
    "train should_stop": argument("should_stop", "None"),
    "get_strategy kind": Argument(get_strategy),
    "get_strategy report": Argument(lambda v: get_strategy("cpu", v)),
    "get_strategy timeout": Argument(lambda v: get_strategy("cpu", timeout=v), more=(0,)),
    "is_chief strategy": Argument(is_chief),
    "workers_watched strategy": Argument(watched),
    "Workers.strategy": Argument(Workers, ("None",)),
}


@pytest.mark.parametrize(("name", "value"), cases(ARGUMENTS))
def test_an_argument_that_cannot_be_used_is_one_line(name, value):
    assert_refused(ARGUMENTS, name, value)
