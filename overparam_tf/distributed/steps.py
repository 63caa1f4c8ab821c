"""The two functions that take a chunk of batches: one that trains and one that evaluates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from overparam_tf.distributed.batches import Chunk
from overparam_tf.distributed.loop import Loop
from overparam_tf.distributed.objective import has_own
from overparam_tf.distributed.one_of_several import OneOfSeveral
from overparam_tf.distributed.one_replica import OneReplica
from overparam_tf.distributed.own_steps import OwnSteps
from overparam_tf.distributed.weight_penalties import weight_penalties


@dataclass(frozen=True)
class Steps:
    """What is done with a chunk; it returns the losses of its batches, shape (count, 3).

    Attributes:
        train: Take a step on each batch.
        evaluate: Compute losses and update metrics, given the penalties on the weights.
        weight_penalties: Compute these, once for all chunks of an evaluation.
    """

    train: Callable[[Chunk], np.ndarray]
    evaluate: Callable[[Chunk, Sequence[tf.Tensor]], np.ndarray]
    weight_penalties: Callable[[], Sequence[tf.Tensor]]


def make_steps(
    model: keras.Model, strategy: tf.distribute.Strategy, device: str, most: int
) -> Steps:
    """Return the steps of a compiled model: its own, or those of `fit` in a compiled loop.

    Args:
        model: The model.
        strategy: The strategy, whose scope the caller has entered.
        device: Device of the rows.
        most: The most batches of a chunk.
    """
    replicas = strategy.num_replicas_in_sync
    jit_compile = bool(model.jit_compile) and not model.run_eagerly
    replica: OneReplica | OneOfSeveral = OneReplica(model, device)
    if replicas > 1:
        replica = OneOfSeveral(model, replicas, device, jit_compile)

    def step(own: str, method: Callable) -> Callable[..., np.ndarray]:
        if has_own(model, own):
            return OwnSteps(model, own, device)
        return Loop(strategy, method, most, jit_compile and replicas == 1, model.run_eagerly)

    return Steps(
        step("train_step", replica.train),
        step("test_step", replica.evaluate),
        weight_penalties(model),
    )
