"""Factors whose product is zero and which train all the same: the start of an adapter."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np


def zero_start(shapes: Sequence[Sequence[int]], seed: int | None = None) -> list[np.ndarray]:
    r"""Return factors of which the last is zero and the others have orthonormal rows or columns.

    So the product is zero, and its first step of gradient descent is that of a plain kernel,
    projected on the span of `rank` directions. With two factors it is the start of LoRA.

    Args:
        shapes: Shapes (..., rows, columns) of the N factors; leading axes stack matrices.
        seed: Seed of the others; default None, a random one.

    Returns:
        N arrays in float64.

    Source:
        Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (ICLR 2022); for more
        factors Yaras et al., "Compressible Dynamics in Deep Overparameterized Low-Rank Learning &
        Adaptation" (ICML 2024).

    Example:
        >>> first, second = zero_start([(5, 2), (2, 3)], seed=0)
        >>> bool(np.allclose(first.T @ first, np.eye(2))), bool(np.any(second))
        (True, False)
    """
    # Python's own generator is one of those that `keras.utils.set_random_seed` sets.
    rng = np.random.default_rng(random.randrange(2**32) if seed is None else seed % 2**32)
    *others, last = shapes
    return [*(_orthonormal(shape, rng) for shape in others), np.zeros(tuple(last))]


def _orthonormal(shape: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    *stacks, rows, columns = shape
    tall = rng.normal(size=(*stacks, max(rows, columns), min(rows, columns)))
    q, _ = np.linalg.qr(tall)
    return q if rows >= columns else np.swapaxes(q, -1, -2)
