"""The layers to measure: multiply-adds, parameters and orders by hand."""

from __future__ import annotations

import pytest

from experiments.benchmarks.layer_cost.compiled_steps import model_of
from experiments.benchmarks.layer_cost.layers import MODELS, Kernel, dense
from overparam_tf.layers import FactorizedDense
from overparam_tf.surgery import overparameterize


@pytest.mark.parametrize(
    ("order", "forward", "step"),
    [
        ("plain", 2 * 4 * 6, 2 * 48),  # of a first layer the data need no gradient
        ("chain", 2 * (4 * 4 + 4 * 6), 3 * 80 - 32),
        ("kernel", 2 * 4 * 6 + 4 * 4 * 6 / 8, 2 * 48 + 3 * 12),
    ],
)
def test_multiply_adds_of_a_kernel_by_hand(order, forward, step):
    kernel, hidden = Kernel(2, 4, 6), Kernel(2, 4, 6, first=False)
    assert [kernel.multiply_adds(order, 8, step=flag) for flag in (False, True)] == [forward, step]
    assert hidden.multiply_adds(order, 8, step=True) == 3 * forward


@pytest.mark.parametrize(
    ("name", "plain", "factors", "parameters"),
    [
        ("conv1", 28 * 28 * 25 * 32, 28 * 28 * (25 * 25 + 25 * 32), 25 * 25 + 25 * 32 + 32),
        (
            "conv2",
            14 * 14 * 25 * 32 * 64,
            14 * 14 * (25 * 32 * 64 + 64 * 64),
            25 * 32 * 64 + 64 * 64 + 64,
        ),
        ("fc1", 3136 * 512, 3136 * 512 + 512 * 512, 3136 * 512 + 512 * 512 + 512),
        ("fc2", 5120, 5220, 5230),
        ("projection", 64 * 256**2, 64 * 2 * 256**2, 2 * 256**2 + 256),
        (
            "attention",
            64 * 4 * 256**2 + 2 * 64**2 * 256,
            64 * 8 * 256**2 + 2 * 64**2 * 256,
            4 * (2 * 256**2 + 256),
        ),
        ("up", 64 * 256 * 1024, 64 * (256**2 + 256 * 1024), 256**2 + 256 * 1024 + 1024),
        ("down", 64 * 1024 * 256, 64 * (1024 * 256 + 256**2), 1024 * 256 + 256**2 + 256),
    ],
)
def test_sizes_of_the_table_by_hand(name, plain, factors, parameters):
    workload = MODELS[name]
    kernels = len(workload.kernels)
    assert workload.multiply_adds(["plain"] * kernels) == plain
    assert workload.multiply_adds(["chain"] * kernels) == factors
    assert (
        overparameterize(model_of(workload.plain(), workload.shape), copy=True).count_params()
        == parameters
    )


@pytest.mark.parametrize(("rows", "order"), [(32, "chain"), (1000, "kernel")])
def test_the_order_is_that_of_the_layer(rows, order):
    workload = dense(128, 10, rows)
    layer = FactorizedDense(10)
    layer.build((None, 128))
    assert workload.orders(layer) == [order] and workload.orders(workload.plain()) == ["plain"]
