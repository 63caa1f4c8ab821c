r"""Gradient descent on a product of a column F_1 and N - 1 equal numbers s: its start and one step.

A linear predictor with one output and inner width 1 has the kernel K = F_1 F_2 ... F_N, a column
times N - 1 numbers. Started balanced, |F_1| = F_2 = ... = F_N, the numbers are equal and stay
equal, s. F_1 and s are then the whole state, and with g = dL/dK a step of gradient descent on all
N factors is exactly

    F_1 <- F_1 - eta s^(N-1) g,    s <- s - eta s^(N-2) <F_1, g>.

The functions take numbers, NumPy arrays and tensors alike. Shapes only have to broadcast, so that
one call advances many runs.
"""

from __future__ import annotations

import functools
import operator
from typing import Any


def power(x: Any, exponent: int) -> Any:
    """Return x^exponent by multiplications only: exact, and quick to compile.

    Example:
        >>> power(3.0, 4), power(3.0, 0)
        (81.0, 1.0)
    """
    return functools.reduce(operator.mul, [x] * exponent, 1.0)


def balanced_start(kernel: Any, norm: float, depth: int) -> tuple[Any, float]:
    """Return F_1 and s of balanced factors of a kernel.

    Args:
        kernel: The kernel K, shape (d,), or one of its entries.
        norm: |K|.
        depth: Number of factors N.

    Returns:
        F_1, of the shape of `kernel`, and s; at depth 1 there is no s, and it is 1.

    Example:
        >>> import numpy as np
        >>> column, s = balanced_start(np.array([3.0, 4.0]), 5.0, depth=3)
        >>> np.allclose([np.linalg.norm(column), *(column * s**2)], [s, 3.0, 4.0])
        True
    """
    s = norm ** (1 / depth) if depth > 1 else 1.0
    return kernel / s ** (depth - 1), s


def next_column(column: Any, s: Any, gradient: Any, rate: Any, depth: int) -> Any:
    """Return F_1, or some of its entries, after one step.

    Args:
        column: F_1.
        s: The number that F_2 .. F_N share.
        gradient: g = dL/dK, of the shape of `column`.
        rate: The learning rate.
        depth: Number of factors N.

    Example:
        One step on all factors of a product of three, with g = 2:

        >>> next_column(3.0, 0.5, 2.0, rate=0.1, depth=3) == 3.0 - 0.1 * (0.5 * 0.5) * 2.0
        True
        >>> next_number(0.5, 3.0 * 2.0, rate=0.1, depth=3) == 0.5 - 0.1 * (3.0 * 0.5) * 2.0
        True
    """
    return column - rate * power(s, depth - 1) * gradient


def next_number(s: Any, alignment: Any, rate: Any, depth: int) -> Any:
    """Return s after one step.

    Args:
        s: The number that F_2 .. F_N share.
        alignment: <F_1, g>.
        rate: The learning rate.
        depth: Number of factors N; at depth 1 there is no s to move.
    """
    return s if depth == 1 else s - rate * power(s, depth - 2) * alignment
