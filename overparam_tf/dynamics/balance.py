"""How far the factors of a kernel are from balanced, the condition of the end-to-end rule."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from keras import ops

from overparam_tf.errors import InputError


class BalanceDefect(NamedTuple):
    """The defect of the worst pair of neighbouring factors, see `balance_defect`."""

    absolute: Any
    relative: Any


def balance_defect(factors: Sequence) -> BalanceDefect:
    r"""Return how far neighbouring factors are from balanced.

    $$\Delta_j = F_j^\top F_j - F_{j+1} F_{j+1}^\top, \qquad
      \text{absolute} = \max_j \|\Delta_j\|_F, \qquad
      \text{relative} = \max_j \frac{\|\Delta_j\|_F}{\max(\|F_j^\top F_j\|_F, \|F_{j+1} F_{j+1}^\top\|_F)}$$

    in the Frobenius norm. The relative defect lies between 0 and sqrt(2) and stays the same when all
    factors are scaled alike; for two factors that are zero it is 0. Gradient flow conserves every
    \(\Delta_j\); gradient descent over a fixed time changes it in proportion to the learning rate.

    Args:
        factors: the N tensors of shapes (..., in, m), (..., m, m'), ..., (..., m'', out), the first touches
            the input; leading axes stack runs.

    Returns:
        `BalanceDefect(absolute, relative)`, two tensors of shape (...); both 0 for a single factor.

    Raises:
        InputError: for no factors, or shapes that do not chain.

    Source: Arora, Cohen & Hazan 2018, Theorem 1 (the condition on the initial factors).

    Example: `F_1^T F_1 = 4` and `F_2 F_2^T = 1`.

    >>> import numpy as np
    >>> defect = balance_defect([np.array([[2.0]]), np.array([[1.0]])])
    >>> float(defect.absolute), float(defect.relative)
    (3.0, 0.75)
    """
    factors = [ops.convert_to_tensor(factor) for factor in factors]
    shapes = [tuple(factor.shape) for factor in factors]
    are_matrices = factors and all(len(shape) >= 2 for shape in shapes)
    if not are_matrices or any(left[-1] != right[-2] for left, right in pairwise(shapes)):
        raise InputError(
            "factors must be one or more matrices whose product exists, (in, m), (m, m'), ..., (m'', out). "
            f"Received: shapes={shapes}"
        )
    nothing = ops.zeros_like(factors[0][..., 0, 0])
    absolute, relative = [nothing], [nothing]
    for this, following in pairwise(factors):
        inner = ops.swapaxes(this, -1, -2) @ this
        outer = following @ ops.swapaxes(following, -1, -2)
        defect, scale = _norm(inner - outer), ops.maximum(_norm(inner), _norm(outer))
        absolute.append(defect)
        relative.append(defect / ops.where(ops.equal(scale, 0), ops.ones_like(scale), scale))
    return BalanceDefect(ops.max(ops.stack(absolute), axis=0), ops.max(ops.stack(relative), axis=0))


def _norm(matrix):
    return ops.sqrt(ops.sum(ops.square(matrix), axis=(-2, -1)))
