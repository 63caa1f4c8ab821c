"""Starting values of units that a kernel does not need, so that they train all the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def fill_idle_units(factors: Sequence[np.ndarray], carrier: int) -> list[np.ndarray]:
    r"""Give the units that carry nothing values on one side, with the product unchanged.

    A unit between two factors whose column of the one and row of the other are zero never moves:
    the gradient of each is a multiple of the other. So all factors but one, the carrier, get values
    in place of zero columns (in front of the carrier) or zero rows (behind it). In the carrier such
    a unit stays zero, which keeps the product, and there its gradient is not zero.

    The added columns or rows are orthogonal to those that are there and to each other as far as
    there is room, and random beyond. Each has the root mean square norm of those that are there, or
    1 if there are none. So a kernel of zeros gets factors P with $P^\top P = I$ in front of its
    carrier or $P P^\top = I$ behind it, and moves as fast as the kernel of a plain layer.

    Args:
        factors: N matrices (rows, columns), or (taps, rows, columns) for a convolution. Idle units
            are zero in the carrier.
        carrier: Index of the factor that keeps its values, from 0.

    Returns:
        List of N arrays. They do not depend on any seed.

    Example:
        >>> first, second = fill_idle_units([np.zeros((3, 2)), np.zeros((2, 2))], carrier=0)
        >>> bool(np.all(first == 0)), bool(np.allclose(second @ second.T, np.eye(2)))
        (True, True)
    """
    rng = np.random.default_rng(0)
    filled = []
    for j, factor in enumerate(factors):
        if j < carrier:
            factor = _fill_columns(factor, rng)
        elif j > carrier:
            factor = np.swapaxes(_fill_columns(np.swapaxes(factor, -1, -2), rng), -1, -2)
        filled.append(factor)
    return filled


def _fill_columns(factor: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    matrix = factor.reshape(-1, factor.shape[-1])
    norms = np.linalg.norm(matrix, axis=0)
    idle = norms == 0
    if not idle.any():
        return factor
    scale = 1.0 if idle.all() else np.sqrt(np.mean(norms[~idle] ** 2))
    filled = matrix.copy()
    filled[:, idle] = scale * _unit_columns(matrix[:, ~idle], int(idle.sum()), rng)
    return filled.reshape(factor.shape)


def _unit_columns(present: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return columns of norm 1, orthogonal to those present and to each other while they can be."""
    rows = len(present)
    basis = _basis(present)
    columns = rng.normal(size=(rows, count))
    room = min(count, rows - basis.shape[1])
    free = columns[:, :room]
    for _ in range(2):  # the second time removes what round-off left
        free = free - basis @ (basis.T @ free)
    columns[:, :room] = np.linalg.qr(free)[0]
    return columns / np.linalg.norm(columns, axis=0)


def _basis(columns: np.ndarray) -> np.ndarray:
    """Return orthonormal columns that span the given ones."""
    if columns.shape[1] == 0:
        return columns
    u, s, _ = np.linalg.svd(columns, full_matrices=False)
    return u[:, s > s[0] * max(columns.shape) * np.finfo("float64").eps]
