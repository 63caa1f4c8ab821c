"""Splits of a given convolution kernel into factors of which at most one is larger than 1x1."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from overparam_tf.errors import InputError
from overparam_tf.initializers import SPLITS, numerical_rank, zero_padded

_MOST_SWEEPS = 100


def split_kernel(
    kernel: np.ndarray, spatial: int, widths: Sequence[int], groups: int, split: str
) -> list[np.ndarray]:
    r"""Split a kernel into 1x1 kernels and, in place ``spatial``, one of its own size; each group by itself.

    A spatial factor at an end is a factor of the kernel unfolded as a matrix, (height width in, out) if it is the
    first and (in, height width out) if it is the last, and the matrix is split. In between, with taps t,

    .. math:: K_t = P\, C_t\, Q, \qquad P = F_1 \cdots F_{s-1}, \quad Q = F_{s+1} \cdots F_N .

    Args:
        kernel: Shape (height, width, in / groups, out), finite.
        spatial: Place s of the factor that has the size of the kernel, from 0.
        widths: ``[in, width_1, ..., width_{N-1}, out]``, each divisible by ``groups``.
        groups: Number of groups of channels.
        split: ``"balanced"`` or ``"identity"``.

    Returns:
        List of N arrays (height_j, width_j, c_{j-1} / groups, c_j) in the kernel's dtype. With ``"balanced"``,
        neighbours have equal Gram matrices over the channels between them, summed over the taps, which gradient
        flow conserves as it does for matrices: exactly for a spatial factor at an end, else to a relative 1e-10
        (1e-6 in float32).

    Raises:
        InputError: If a width is too small for an exact split, or an entry of the kernel is not finite.

    Example:
        >>> kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 4))
        >>> first, middle, last = split_kernel(kernel, 1, [2, 2, 4, 4], groups=1, split="balanced")
        >>> bool(np.allclose(first[0, 0] @ middle @ last[0, 0], kernel, atol=1e-12))
        True
        >>> bool(np.allclose(first[0, 0].T @ first[0, 0], np.einsum("hwio,hwjo->ij", middle, middle), atol=1e-9))
        True
    """
    if not np.isfinite(kernel).all():
        raise InputError(
            "Expected a kernel with finite entries. Received: entries that are NaN or infinite"
        )
    widths = [width // groups for width in widths]
    parts = [
        _split_group(part, spatial, widths, split) for part in np.split(kernel, groups, axis=-1)
    ]
    return [np.concatenate(factors, axis=-1) for factors in zip(*parts, strict=True)]


def _split_group(
    kernel: np.ndarray, spatial: int, widths: list[int], split: str
) -> list[np.ndarray]:
    height, width, inputs, outputs = kernel.shape
    taps = kernel.reshape(height * width, inputs, outputs)
    depth, inner = len(widths) - 1, widths[1:-1]
    if spatial == 0:
        first, *others = SPLITS[split](taps.reshape(-1, outputs), depth, inner)
        factors = [first.reshape(len(taps), inputs, -1), *others]
    elif spatial == depth - 1:
        *others, last = SPLITS[split](taps.transpose(1, 0, 2).reshape(inputs, -1), depth, inner)
        factors = [*others, last.reshape(-1, len(taps), outputs).transpose(1, 0, 2)]
    elif split == "balanced":
        factors = _balanced_around(taps, spatial, widths)
    else:
        factors = _identity_around(taps, spatial, widths)
    shapes = [
        ((height, width) if j == spatial else (1, 1)) + tuple(widths[j : j + 2])
        for j in range(depth)
    ]
    return [
        factor.astype(kernel.dtype).reshape(shape)
        for factor, shape in zip(factors, shapes, strict=True)
    ]


def _identity_around(taps: np.ndarray, spatial: int, widths: list[int]) -> list[np.ndarray]:
    """Put the kernel into the middle, or, if a width does not hold all in or out channels, into an outer factor."""
    count, inputs, outputs = taps.shape
    factors: list[Any] = [np.eye(*shape) for shape in itertools.pairwise(widths)]
    left, right = min(widths[1 : spatial + 1]), min(widths[spatial + 1 : -1])
    middle = np.zeros((count, *widths[spatial : spatial + 2]))
    if left >= inputs and right >= outputs:
        middle[:, :inputs, :outputs] = taps
    elif left >= inputs and right >= count * inputs:
        # The middle lays the inputs under the kernel side by side, the last factor sums them up.
        for t in range(count):
            middle[t, :inputs, t * inputs : (t + 1) * inputs] = np.eye(inputs)
        factors[-1][:] = 0
        factors[-1][: count * inputs] = taps.reshape(-1, outputs)
    elif left >= count * outputs and right >= outputs:
        for t in range(count):
            middle[t, t * outputs : (t + 1) * outputs, :outputs] = np.eye(outputs)
        factors[0][:] = 0
        factors[0][:, : count * outputs] = taps.transpose(1, 0, 2).reshape(inputs, -1)
    else:
        raise InputError(
            f"Expected widths >= {min(inputs, count * outputs)} in front of the spatial factor and >= "
            f"{min(count * inputs, outputs)} behind it (for each group), since narrower identities lose part of the "
            f"kernel. Received: widths={widths[1:-1]}"
        )
    factors[spatial] = middle
    return factors


def _balanced_around(taps: np.ndarray, spatial: int, widths: list[int]) -> list[np.ndarray]:
    r"""Balance :math:`K_t = P C_t Q` by turns on the left and on the right of C.

    The left factors and C unfolded to the left, :math:`P\,[C_1 \cdots C_T]`, are the split of a matrix: with its
    SVD :math:`U S V^\top` they are balanced as :math:`U S^{1/n}, S^{1/n}, \ldots, S^{1/n} V^\top`. So are C,
    unfolded to the right, and the right factors; each turn upsets the other a little less. A balanced split is
    the one of least norm, and each turn takes the least norm over its own side, so the turns converge, by a
    factor of about ten each once the weights of all factors as a whole are made equal.
    """
    tolerance = 1e-10 if taps.dtype == np.float64 else 1e-6
    kernel = taps.astype(np.float64)
    depth, left, right = len(widths) - 1, spatial, len(widths) - 2 - spatial
    # U and V: orthonormal bases of what the kernel reads and writes. P = U diag(p), Q = diag(q) V^T.
    u, s_in = _basis(
        kernel.transpose(1, 0, 2), taps.dtype, min(widths[1 : spatial + 1]), "in front of"
    )
    v, s_out = _basis(
        kernel.transpose(2, 0, 1), taps.dtype, min(widths[spatial + 1 : -1]), "behind"
    )
    if len(s_in) == 0:
        return [np.zeros(shape) for shape in _shapes(len(taps), spatial, widths)]
    p, q = s_in ** (left / depth), s_out ** (right / depth)
    core = (u.T @ kernel @ v) / p[:, None] / q
    for _ in range(_MOST_SWEEPS):
        turn, p, core = _balanced_left(core, p, left)
        u = u @ turn
        turn, q, flipped = _balanced_left(core.transpose(0, 2, 1), q, right)
        v, core = v @ turn, flipped.transpose(0, 2, 1)
        p, core, q = _equal_norms(p, core, q, left, right)
        gram = _gram(core)
        own = np.diag(p ** (2 / left))
        if np.linalg.norm(gram - own) <= tolerance * np.linalg.norm(own):
            break
    root_p, root_q = p ** (1 / left), q ** (1 / right)
    factors = [u * root_p, *[np.diag(root_p)] * (left - 1), core, *[np.diag(root_q)] * (right - 1)]
    factors.append(root_q[:, None] * v.T)
    shapes = _shapes(len(taps), spatial, widths)
    return [zero_padded(factor, shape) for factor, shape in zip(factors, shapes, strict=True)]


def _basis(
    unfolded: np.ndarray, dtype: np.dtype, width: int, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return left singular vectors and values of the unfolded kernel, up to its rank at the precision of ``dtype``."""
    matrix = unfolded.reshape(len(unfolded), -1)
    u, s, _ = np.linalg.svd(matrix, full_matrices=False)
    rank = numerical_rank(s, matrix.shape, dtype)
    if width < rank:
        raise InputError(
            f"Expected widths >= {rank} {where} the spatial factor (for each group), the rank of the kernel there. "
            f"Received: a width of {width}"
        )
    return u[:, :rank], s[:rank]


def _balanced_left(
    core: np.ndarray, p: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Balance ``count`` factors of product diag(p) with the core: the new product is turn diag(p)."""
    weighted = p[:, None] * core
    # Left singular vectors by the Gram matrix, which is small; the product stays exact whatever their errors.
    _, turn = np.linalg.eigh(_gram(weighted))
    weighted = turn.T @ weighted
    s = np.sqrt(np.einsum("tab,tab->a", weighted, weighted))
    return turn, s ** (count / (count + 1)), s[:, None] ** (1 / (count + 1) - 1) * weighted


def _gram(core: np.ndarray) -> np.ndarray:
    return np.tensordot(core, core, axes=((0, 2), (0, 2)))


def _equal_norms(
    p: np.ndarray, core: np.ndarray, q: np.ndarray, left: int, right: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scale factors to one norm, at an unchanged product: what the turns alone would be slowest to do."""
    a, b, c = (
        np.linalg.norm(p ** (1 / left)),
        np.linalg.norm(q ** (1 / right)),
        np.linalg.norm(core),
    )
    norm = (a**left * c * b**right) ** (1 / (left + 1 + right))
    return p * (norm / a) ** left, core * (norm / c), q * (norm / b) ** right


def _shapes(count: int, spatial: int, widths: list[int]) -> list[tuple[int, ...]]:
    return [
        ((count,) if j == spatial else ()) + tuple(widths[j : j + 2])
        for j in range(len(widths) - 1)
    ]
