"""The memory that a sweep takes, estimated before it takes it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from overparam_tf._shapes import factor_shapes
from overparam_tf.datasets import Problem
from overparam_tf.memory import require_memory
from overparam_tf.sweep.variant import Variant

# Copies of each weight: itself, its gradient, two slots of an optimizer, and twice in a checkpoint.
COPIES = 6
# Arrays of a number for each run and row in a step: predictions, errors, and their powers.
ARRAYS_OF_A_STEP = 3


def check_memory(
    problem: Problem, variants: Sequence[Variant], dtype: str, points: int = 1000
) -> None:
    """Check that a sweep fits into memory.

    Args:
        problem: The data.
        variants: The variants.
        dtype: `"float32"` or `"float64"`.
        points: The most points of a curve; default 1000.

    Raises:
        InputError: If it does not; the message names the largest variant.
    """
    item = np.dtype(dtype).itemsize
    weights = [_weights_of(variant, problem) for variant in variants]
    runs = sum(len(variant.runs) for variant in variants)
    step = ARRAYS_OF_A_STEP * runs * problem.y.size
    data = 3 * problem.x.size
    largest = variants[int(np.argmax(weights))]
    require_memory(
        "a sweep",
        item * (COPIES * sum(weights) + step + data) + 8 * points * runs,
        runs=runs,
        largest=f"{largest.name}, depth {largest.depth:g}, width {largest.width}",
    )


def _weights_of(variant: Variant, problem: Problem) -> int:
    """Return the number of weights of all runs; the rule too begins with factors."""
    depth = math.ceil(variant.depth)
    shapes = factor_shapes((problem.features, problem.outputs), depth, variant.width)
    return len(variant.runs) * sum(math.prod(shape) for shape in shapes)
