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
    right = {"dataset": DATA, "loss": "mse", "batch_size": 2, "epochs": 1}
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
    "train dataset": argument("dataset"),
    "train loss": argument("loss"),
    "train optimizer": argument("optimizer"),
    "train strategy": argument("strategy", "None"),
    "train batch_size": argument("batch_size"),
    "train epochs": argument("epochs"),
    "train validation": argument("validation", "None"),
    "train validation_batch_size": argument("validation_batch_size", "None"),
    "train metrics": argument("metrics"),
    "train steps_per_call": argument("steps_per_call"),
    "train jit_compile": argument("jit_compile", "a bool"),
    "train callbacks": argument("callbacks"),
    "train checkpoints": argument("checkpoints", "None"),
    "train checkpoint_seconds": argument("checkpoint_seconds"),
    "train progress": argument("progress", "None"),
    "train should_stop": argument("should_stop", "None"),
    "get_strategy kind": Argument(get_strategy),
    "get_strategy report": Argument(lambda v: get_strategy("cpu", v)),
    "is_chief strategy": Argument(is_chief),
    "workers_watched strategy": Argument(watched),
    "Workers.strategy": Argument(Workers, ("None",)),
}


@pytest.mark.parametrize(("name", "value"), cases(ARGUMENTS))
def test_an_argument_that_cannot_be_used_is_one_line(name, value):
    assert_refused(ARGUMENTS, name, value)
