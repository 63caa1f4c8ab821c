"""Sweeps in batches: the steps of `fit`, shares that add up to the whole, batches across calls."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from overparam_tf import InputError, LpLoss, Problem, Sweep, Variant
from overparam_tf.sweep.batched_pass import BatchedPass
from overparam_tf.sweep.devices import make_engine
from overparam_tf.sweep.whole_pass import WholePass

EPOCHS = 3


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 4))
    return Problem(
        "toy",
        x,
        x @ rng.standard_normal((4, 2)) + rng.standard_normal((50, 2)),
        "made",
        "none",
        True,
    )


@pytest.mark.parametrize("batch_size", [1, 16, 25, 50, 99])
@pytest.mark.parametrize("biases", [False, True])
def test_a_sweep_in_batches_takes_the_steps_of_fit(problem, batch_size, biases):
    momentum = keras.optimizers.SGD(momentum=0.5)
    variant = Variant("v", depth=2, optimizer=momentum, learning_rates=(2e-3,), use_bias=biases)
    batches = -(-50 // batch_size)
    history = Sweep(problem, [variant], LpLoss(4)).run(EPOCHS * batches, batch_size=batch_size)
    model = keras.Sequential([keras.Input((4,)), variant.layer(4, 2)])
    model.compile(keras.optimizers.SGD(2e-3, momentum=0.5), LpLoss(4), jit_compile=False)
    # An optimizer that `fit` builds has its step traced twice.
    model.optimizer.build(model.trainable_variables)
    model.fit(problem.x, problem.y, batch_size=batch_size, epochs=EPOCHS, shuffle=False, verbose=0)
    trained = history.model("v", 2e-3).get_weights()
    for ours, theirs in zip(trained, model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    loss = model.evaluate(problem.x, problem.y, batch_size=50, verbose=0)
    assert history.run("v", 2e-3)["final_loss"] == pytest.approx(loss, rel=1e-4)


def test_losses_are_those_of_the_batches_whatever_the_calls(problem):
    variant = Variant("v", learning_rates=(1e-30,))
    engines = [
        make_engine(problem, (variant,), LpLoss(2), "float64", batch_size=20) for _ in range(2)
    ]
    whole, parts = (
        engines[0].advance(7),
        np.concatenate([engines[1].advance(2), engines[1].advance(5, 2)]),
    )
    np.testing.assert_array_equal(whole, parts)
    kernel = variant.layer(4, 2).kernel.numpy().astype("float64")
    squares = (problem.x @ kernel - problem.y) ** 2 / 2
    expected = [squares[begin : begin + 20].mean() for begin in (0, 20, 40)]
    np.testing.assert_allclose(whole[:3, 0], expected, rtol=1e-12)
    np.testing.assert_allclose(whole[3:6], whole[:3], rtol=1e-12)


@pytest.mark.parametrize("replicas", [2, 3, 7])
@pytest.mark.parametrize("step", [None, 0, 2])
def test_shares_of_replicas_add_up(problem, replicas, step):
    rng = np.random.default_rng(1)
    kernel, bias = (tf.constant(rng.standard_normal((3, *shape))) for shape in ((4, 2), (1, 2)))
    step = None if step is None else tf.constant(step)
    one = BatchedPass(problem, LpLoss(4), "float64", 20)(kernel, bias, step)
    shares = [
        BatchedPass(problem, LpLoss(4), "float64", 20, replica, replicas)(kernel, bias, step)
        for replica in range(replicas)
    ]
    for whole, parts in zip(one, zip(*shares, strict=True), strict=True):
        np.testing.assert_allclose(tf.add_n(parts), whole, rtol=1e-12, atol=1e-14)
    if step is None:
        for ours, theirs in zip(
            one, WholePass(problem, LpLoss(4), "float64")(kernel, bias), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_an_interrupted_sweep_in_batches_is_of_its_batch_size(problem, tmp_path):
    sweep = Sweep(problem, [Variant("v", learning_rates=(0.01,))])
    sweep.run(6, batch_size=20, checkpoints=tmp_path)
    with pytest.raises(InputError, match="batch_size: 25 now, 20 in the checkpoint"):
        sweep.run(6, batch_size=25, checkpoints=tmp_path)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, "all"])
def test_bad_batch_sizes(problem, batch_size):
    with pytest.raises(InputError, match="batch_size"):
        Sweep(problem, [Variant("v", learning_rates=(0.01,))]).run(1, batch_size=batch_size)


def test_the_number_of_a_step_is_no_constant_to_the_compiler(problem):
    # XLA takes the operands of these for constants, and would compile the loop in every call, for
    # seconds each.
    engine = make_engine(problem, (Variant("v"),), LpLoss(2), "float32", batch_size=20)
    nodes = [
        node
        for function in engine._advance.graph.as_graph_def().library.function
        for node in function.node_def
    ]
    on_rows = [
        node.op
        for node in nodes
        if node.op in ("Slice", "StridedSlice") and "Shape" not in node.input[0]
    ]
    assert nodes and not on_rows
