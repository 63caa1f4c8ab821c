"""A sweep under a strategy of one device, and strategies that a sweep cannot use."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from overparam_tf import InputError, get_strategy
from overparam_tf.distributed.agreement import is_alike, of_chief, text_of_chief
from tests.distributed.sweeps import gd_sweep


def one_device():
    return get_strategy("cpu", report=lambda line: None)


def test_a_strategy_of_one_device_changes_no_bit():
    histories = [gd_sweep().run(20, strategy=strategy) for strategy in (None, one_device())]
    assert histories[0].losses.tobytes() == histories[1].losses.tobytes()
    np.testing.assert_array_equal(histories[0].weights[0][0], histories[1].weights[0][0])


@pytest.mark.parametrize("strategy", ["mirrored", 2, tf.distribute.OneDeviceStrategy])
def test_what_is_no_strategy_is_refused(strategy):
    with pytest.raises(
        InputError, match=r"Expected a tf\.distribute\.Strategy.*Received: strategy="
    ):
        gd_sweep().run(1, strategy=strategy)


def test_a_sweep_within_a_scope_is_refused():
    strategy = one_device()
    with pytest.raises(InputError, match="outside of every strategy"), strategy.scope():
        gd_sweep().run(1, strategy=strategy)


def test_more_replicas_than_rows_are_refused(monkeypatch):
    monkeypatch.setattr(tf.distribute.OneDeviceStrategy, "num_replicas_in_sync", 51)
    with pytest.raises(InputError, match="Received: 50 rows, 51 replicas"):
        gd_sweep().run(1, strategy=one_device())


def test_one_process_agrees_with_itself():
    strategy = one_device()
    assert is_alike(strategy, "x") and of_chief(strategy, 7) == 7
    assert text_of_chief(strategy, "") == "" and text_of_chief(strategy, "ä b") == "ä b"
