"""The distance of a kernel's factors from balance, the condition of the end-to-end rule."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from keras import ops

from overparam_tf.dynamics.checks import Tensor, check_factors
from overparam_tf.dynamics.matrices import matmul, transpose


class BalanceDefect(NamedTuple):
    """The defect of the worst pair of neighbouring factors, see `balance_defect`."""

    absolute: Tensor
    relative: Tensor


def balance_defect(factors: Sequence[Tensor]) -> BalanceDefect:
    r"""Return how far neighbouring factors are from balanced.

    $$\Delta_j = F_j^\top F_j - F_{j+1} F_{j+1}^\top, \qquad
      \text{absolute} = \max_j \|\Delta_j\|_F, \qquad
      \text{relative} = \max_j
        \frac{\|\Delta_j\|_F}{\max(\|F_j^\top F_j\|_F, \|F_{j+1} F_{j+1}^\top\|_F)}$$

    in the Frobenius norm. The relative defect lies between 0 and sqrt(2) and stays the same when
    all factors are scaled alike; for two factors that are zero it is 0. Gradient flow conserves
    every \(\Delta_j\); gradient descent over a fixed time changes it in proportion to the learning
    rate.

    Args:
        factors: The N tensors of shapes (..., in, m), (..., m, m'), ..., (..., m'', out), the one
            that touches the input first; leading axes stack runs.

    Returns:
        `BalanceDefect(absolute, relative)`, two tensors of shape (...); both 0 for a single factor.

    Raises:
        InputError: If there are no factors, or if their product does not exist.

    Source: Arora, Cohen & Hazan 2018, Theorem 1 (the condition on the initial factors).

    Example:
        `F_1^T F_1 = 4` and `F_2 F_2^T = 1`.

        >>> import numpy as np
        >>> defect = balance_defect([np.array([[2.0]]), np.array([[1.0]])])
        >>> float(defect.absolute), float(defect.relative)
        (3.0, 0.75)
    """
    factors = check_factors(factors)
    zero = ops.zeros_like(factors[0][..., 0, 0])
    absolute, relative = [zero], [zero]
    for factor, following in pairwise(factors):
        inner = matmul(transpose(factor), factor)
        outer = matmul(following, transpose(following))
        defect, scale = _norm(inner - outer), ops.maximum(_norm(inner), _norm(outer))
        absolute.append(defect)
        relative.append(defect / ops.where(ops.equal(scale, 0), ops.ones_like(scale), scale))
    return BalanceDefect(ops.max(ops.stack(absolute), axis=0), ops.max(ops.stack(relative), axis=0))


def _norm(matrix: Tensor) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(matrix), axis=(-2, -1)))
