"""The devices of a sweep: which strategies it can use, and the engine that trains on each."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from overparam_tf.datasets import Problem, SensingProblem
from overparam_tf.distributed.strategies import check_strategy
from overparam_tf.errors import InputError, input_error
from overparam_tf.losses import LpLoss
from overparam_tf.sweep.batched_pass import BatchedPass
from overparam_tf.sweep.data_pass import DataPass
from overparam_tf.sweep.engine import Engine
from overparam_tf.sweep.held_out_engine import HeldOutEngine
from overparam_tf.sweep.kernel_stacks import make_stack
from overparam_tf.sweep.replicated_pass import ReplicatedPass
from overparam_tf.sweep.sensing_pass import SensingPass
from overparam_tf.sweep.stacks import Stack
from overparam_tf.sweep.template import is_elementwise
from overparam_tf.sweep.variant import Variant
from overparam_tf.sweep.whole_pass import WholePass

# Starting an iteration of the compiled loop (condition, counters) takes a noticeable part of a
# small step. A single variant of fewer multiply-adds a step than `SMALL_STEP` takes `UNROLLED`
# steps in one iteration; each of them is compiled separately.
UNROLLED, SMALL_STEP = 4, 2**20
# Fewer rows than this are not worth a block of their own; see `WholePass`.
LEAST_BLOCK = 512


def check_devices(
    strategy: tf.distribute.Strategy | None, problem: Problem
) -> tf.distribute.Strategy | None:
    """Return the strategy of a sweep, or None for TensorFlow's default device.

    Raises:
        InputError: If it is no strategy, if the caller is inside a strategy's scope, or if it has
            more replicas than there are rows.
    """
    if strategy is None:
        return None
    check_strategy(strategy)
    if tf.distribute.has_strategy():
        raise InputError(
            "Expected a sweep outside of every strategy.scope(), with strategy=... instead. "
            f"Received: a call within that of a {type(tf.distribute.get_strategy()).__name__}"
        )
    if strategy.num_replicas_in_sync > problem.rows:
        raise InputError(
            "Expected at least one row for each replica; take fewer devices. "
            f"Received: {problem.rows} rows, {strategy.num_replicas_in_sync} replicas"
        )
    return strategy


def make_engine(
    problem: Problem,
    variants: Sequence[Variant],
    loss: LpLoss,
    dtype: str,
    batch_size: int | None = None,
    strategy: tf.distribute.Strategy | None = None,
    recorded: np.ndarray | None = None,
) -> Engine:
    """Return the engine that trains variants on a problem, on one device or several.

    Args:
        problem: The data.
        variants: What to train.
        loss: An `LpLoss`.
        dtype: `"float32"` or `"float64"`.
        batch_size: Rows of a step's batch, of all replicas together; default None, all rows.
        strategy: Devices to train on; default None, TensorFlow's default device.
        recorded: Steps at which the loss on the problem's held-out labels is taken, if it has any;
            default None, at none.
    """
    if strategy is None or strategy.num_replicas_in_sync == 1:
        return _on_one_device(problem, variants, loss, dtype, batch_size, recorded)
    return _on_replicas(problem, variants, loss, dtype, batch_size, strategy, recorded)


def _on_one_device(
    problem: Problem,
    variants: Sequence[Variant],
    loss: LpLoss,
    dtype: str,
    batch_size: int | None,
    recorded: np.ndarray | None,
) -> Engine:
    vectors = sum(len(variant.runs) for variant in variants) * problem.outputs
    products = vectors * (batch_size or problem.rows) * problem.features
    # A rule of several inputs and outputs is a long program by itself.
    is_simple = problem.outputs == 1 or all(variant.update == "factors" for variant in variants)
    # So is an update of one run after the other.
    is_simple &= all(is_elementwise(variant.optimizer) for variant in variants)
    is_small = len(variants) == 1 and products <= SMALL_STEP and is_simple
    stacks = _stacks(problem, variants, dtype)
    data_pass: DataPass
    if batch_size is None:
        most_blocks = max(1, problem.rows // LEAST_BLOCK)
        blocks = 1 if vectors == 1 else min(_cores(), most_blocks)
        data_pass = WholePass(problem, loss, dtype, blocks)
    else:
        data_pass = BatchedPass(problem, loss, dtype, batch_size)
    stride = UNROLLED if is_small else 1
    return _engine(stacks, data_pass, problem, loss, dtype, recorded, stride)


def _on_replicas(
    problem: Problem,
    variants: Sequence[Variant],
    loss: LpLoss,
    dtype: str,
    batch_size: int | None,
    strategy: tf.distribute.Strategy,
    recorded: np.ndarray | None,
) -> Engine:
    """Return the engine whose pass over the data is shared by the replicas of a strategy.

    The kernels of all runs are small and the rows are many. So each process keeps one copy of the
    factors and optimizers, as ordinary variables on its first device. In a step its replicas
    compute losses and gradients of the same kernels on their own rows. The sums are the same bits
    in every process, and so are the updates.
    """
    with tf.device(strategy.extended.worker_devices[0]):
        stacks = _stacks(problem, variants, dtype)
        size = batch_size or problem.rows
        data_pass = ReplicatedPass(problem, loss, dtype, size, strategy)
        return _engine(stacks, data_pass, problem, loss, dtype, recorded)


def _engine(
    stacks: Sequence[Stack],
    data_pass: DataPass,
    problem: Problem,
    loss: LpLoss,
    dtype: str,
    recorded: np.ndarray | None,
    stride: int = 1,
) -> Engine:
    """Return the engine; with a held-out problem, and steps to record, one that tests on it."""
    data_pass, test = on_matrices(data_pass, problem), problem.held_out
    if test is None or recorded is None:
        return Engine(stacks, data_pass, dtype, stride)
    # Every process computes it whole: it is taken at few steps.
    held_out = on_matrices(WholePass(test, loss, dtype), test)
    return HeldOutEngine(stacks, data_pass, dtype, stride, held_out=held_out, recorded=recorded)


def on_matrices(data_pass: DataPass, problem: Problem) -> DataPass:
    """Return a pass over the rows of a problem as one over its matrices, if it has matrices."""
    return SensingPass(data_pass) if isinstance(problem, SensingProblem) else data_pass


def check_biases(problem: Problem, variant: Variant) -> None:
    """Check that a variant has no bias where one has no meaning: in products with matrices.

    Raises:
        InputError: If it has.
    """
    has_bias = variant.use_bias or variant.use_factor_biases
    if isinstance(problem, SensingProblem) and has_bias:
        raise input_error(
            f"no biases on a sensing problem, in the variant {variant.name!r}",
            use_bias=variant.use_bias,
            use_factor_biases=variant.use_factor_biases,
        )


def _stacks(problem: Problem, variants: Sequence[Variant], dtype: str) -> list[Stack]:
    sizes = problem.features, problem.outputs
    return [make_stack(variant, *sizes, dtype) for variant in variants]


def _cores() -> int:
    """Return the number of cores that TensorFlow computes on."""
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    return tf.config.threading.get_intra_op_parallelism_threads() or allowed
