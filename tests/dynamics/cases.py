"""Kernels of known singular values: tall, wide, rank-deficient, nearly equal values, zero."""

from __future__ import annotations

import numpy as np
from keras import ops


def kernel_with(shape, singular_values, seed=0):
    rng = np.random.default_rng(seed)
    count = len(singular_values)
    left, right = (np.linalg.qr(rng.normal(size=(size, count)))[0] for size in shape)
    return (left * singular_values) @ right.T


KERNELS = {
    "tall": kernel_with((5, 3), [2.0, 1.0, 0.3]),
    "wide": kernel_with((3, 5), [2.0, 1.0, 0.3]),
    "square": kernel_with((4, 4), [1.5, 1.0, 0.7, 0.2]),
    "rank 1": kernel_with((6, 4), [1.5]),
    "rank 2 wide": kernel_with((4, 6), [1.5, 0.4]),
    "equal values": kernel_with((5, 3), [1.0, 1.0, 1.0]),
    "nearly equal values": kernel_with((5, 3), [1.0, 1.0 + 1e-9, 0.5]),
    "small": 1e-12 * kernel_with((5, 3), [2.0, 1.0, 0.3]),
    "zero": np.zeros((4, 3)),
    "one output": kernel_with((7, 1), [0.8]),
    "one input": kernel_with((1, 4), [0.8]),
    "one number": np.array([[-0.7]]),
    "zero output": np.zeros((4, 1)),
}


def gradient_for(kernel, seed=1):
    return np.random.default_rng(seed).normal(size=kernel.shape)


def largest_gap(actual, expected):
    """Return the largest difference, relative to the largest expected entry unless all are 0."""
    actual, expected = map(ops.convert_to_numpy, (actual, expected))
    return np.max(np.abs(actual - expected)) / (np.max(np.abs(expected)) or 1.0)
