"""Balanced factors of a convolution kernel around a spatial factor in the middle."""

from __future__ import annotations

import itertools

import numpy as np

from overparam_tf.errors import InputError
from overparam_tf.initializers import numerical_rank, pad_with_zeros

_MOST_TURNS = 100


def balance_around(taps: np.ndarray, spatial: int, widths: list[int]) -> list[np.ndarray]:
    r"""Balance $K_t = P C_t Q$ by turns on the left and on the right of C.

    The left factors and C unfolded to the left, $P\,[C_1 \cdots C_T]$, are the split of a matrix:
    with its SVD $U S V^\top$ they are balanced as $U S^{1/n}, S^{1/n}, \ldots, S^{1/n} V^\top$. The
    same holds for C, unfolded to the right, and the right factors. Each turn unbalances the other
    side a little less. A balanced split is the one of least norm, and each turn takes the least
    norm over its own side, so the turns converge, by a factor of about ten each once all factors
    have the same norm.

    Args:
        taps: The kernel, (taps, in, out).
        spatial: Index of C, neither the first nor the last.
        widths: `[in, width_1, ..., width_{N-1}, out]`.

    Returns:
        N arrays (c_{j-1}, c_j), and (taps, c_{j-1}, c_j) for the spatial one, in float64.

    Raises:
        InputError: If a width is below the rank of the kernel there.
    """
    tolerance = 1e-10 if taps.dtype == np.float64 else 1e-6
    kernel = taps.astype(np.float64)
    depth, left, right = len(widths) - 1, spatial, len(widths) - 2 - spatial
    # U and V: orthonormal bases of what the kernel reads and writes. P = U diag(p),
    # Q = diag(q) V^T.
    before, behind = min(widths[1 : spatial + 1]), min(widths[spatial + 1 : -1])
    u, s_in = _basis(kernel.transpose(1, 0, 2), taps.dtype, before, "in front of")
    v, s_out = _basis(kernel.transpose(2, 0, 1), taps.dtype, behind, "behind")
    shapes = _shapes(len(taps), spatial, widths)
    if len(s_in) == 0:
        return [np.zeros(shape) for shape in shapes]
    p, q = s_in ** (left / depth), s_out ** (right / depth)
    core = (u.T @ kernel @ v) / p[:, None] / q
    for _ in range(_MOST_TURNS):
        turn, p, core = _balance_left(core, p, left)
        u = u @ turn
        turn, q, flipped = _balance_left(core.transpose(0, 2, 1), q, right)
        v, core = v @ turn, flipped.transpose(0, 2, 1)
        p, core, q = _equalise_norms(p, core, q, left, right)
        gram_of_neighbour = np.diag(p ** (2 / left))
        defect = np.linalg.norm(_gram(core) - gram_of_neighbour)
        if defect <= tolerance * np.linalg.norm(gram_of_neighbour):
            break
    root_p, root_q = p ** (1 / left), q ** (1 / right)
    factors = [u * root_p, *[np.diag(root_p)] * (left - 1), core, *[np.diag(root_q)] * (right - 1)]
    factors.append(root_q[:, None] * v.T)
    return [pad_with_zeros(factor, shape) for factor, shape in zip(factors, shapes, strict=True)]


def _basis(
    unfolded: np.ndarray, dtype: np.dtype, width: int, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return left singular vectors and values of the unfolded kernel, up to its rank.

    Args:
        unfolded: The kernel with the channels of this side first, of any number of axes.
        dtype: Dtype in which the kernel was given: its precision decides the rank.
        width: Smallest width on this side.
        where: Words for this side.

    Raises:
        InputError: If the width is below the rank.
    """
    matrix = unfolded.reshape(len(unfolded), -1)
    u, s, _ = np.linalg.svd(matrix, full_matrices=False)
    rank = numerical_rank(s, matrix.shape, dtype)
    if width < rank:
        raise InputError(
            f"Expected widths >= {rank} {where} the spatial factor (for each group), the rank of "
            f"the kernel there. Received: a width of {width}"
        )
    return u[:, :rank], s[:rank]


def _balance_left(
    core: np.ndarray, p: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Balance `count` factors with product diag(p) and the core.

    Returns:
        `turn`, the new p and the new core: the new product of the factors is turn diag(p).
    """
    weighted = p[:, None] * core
    # Left singular vectors by the Gram matrix, which is small; the product stays exact whatever
    # their errors.
    _, turn = np.linalg.eigh(_gram(weighted))
    weighted = turn.T @ weighted
    s = np.sqrt(np.einsum("tab,tab->a", weighted, weighted))
    return turn, s ** (count / (count + 1)), s[:, None] ** (1 / (count + 1) - 1) * weighted


def _gram(core: np.ndarray) -> np.ndarray:
    return np.tensordot(core, core, axes=((0, 2), (0, 2)))


def _equalise_norms(
    p: np.ndarray, core: np.ndarray, q: np.ndarray, left: int, right: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scale the factors to one norm with unchanged product; the turns alone do this slowest."""
    of_left, of_core = np.linalg.norm(p ** (1 / left)), np.linalg.norm(core)
    of_right = np.linalg.norm(q ** (1 / right))
    norm = (of_left**left * of_core * of_right**right) ** (1 / (left + 1 + right))
    return (
        p * (norm / of_left) ** left,
        core * (norm / of_core),
        q * (norm / of_right) ** right,
    )


def _shapes(count: int, spatial: int, widths: list[int]) -> list[tuple[int, ...]]:
    return [
        (count, *channels) if j == spatial else channels
        for j, channels in enumerate(itertools.pairwise(widths))
    ]
