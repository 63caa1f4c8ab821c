"""Gradient descent on deep matrix completion, from starts of several sizes, by one program."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from experiments.harness.rank_curvature import curvature_of
from experiments.harness.rank_runs import FollowedRuns, follow
from overparam_tf.datasets import Problem
from overparam_tf.losses import LpLoss
from overparam_tf.sweep import Variant
from overparam_tf.sweep.devices import make_engine

# The rate of gradient descent in units of 1 over the curvature of the loss at the matrix itself:
# a quarter of the largest stable one, so that the path is nearly that of gradient flow.
SHARE_OF_CURVATURE = 0.5
# A deeper product leaves a small start so slowly that it needs momentum: it is ten times as fast,
# and stable up to almost twice the rate.
DEEP, MOMENTUM, DEEP_SHARE = 4, 0.9, 1.0


def optimizer_at(depth: int, curvature: float) -> keras.optimizers.SGD:
    """Return gradient descent at the rate of a depth; see `curvature_of`."""
    if depth < DEEP:
        return keras.optimizers.SGD(SHARE_OF_CURVATURE / curvature)
    return keras.optimizers.SGD(DEEP_SHARE / curvature, momentum=MOMENTUM)


def descend(
    problem: Problem,
    depth: int,
    scales: Sequence[float],
    *,
    steps: int,
    target: float,
    dtype: str,
) -> list[FollowedRuns]:
    """Train a product of factors from each multiple of the identity until the data are fitted.

    Args:
        problem: A completion problem.
        depth: Number of factors N.
        scales: The end-to-end starts: each factor is scale^(1/N) times the identity.
        steps: The most steps.
        target: The mean squared error over the observed entries at which a run ends.
        dtype: `"float32"` or `"float64"`.
    """
    starts = [[np.eye(problem.features) * scale ** (1 / depth)] * depth for scale in scales]
    first, *_ = starts
    optimizer = optimizer_at(depth, curvature_of(problem, depth))
    variant = Variant(f"depth {depth}", depth, optimizer=optimizer, initial_factors=first)
    engine = make_engine(problem, [variant], LpLoss(2, scale=False), dtype)
    untrained, followed = engine.state(), []
    for start in starts:
        # One program for all: only its state differs.
        factors = {f"0/{place}": factor[None] for place, factor in enumerate(start)}
        engine.restore({**untrained, **factors})
        followed.append(follow(engine, problem.held_out, steps, target))
    return followed
