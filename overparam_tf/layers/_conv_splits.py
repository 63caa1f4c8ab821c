"""Splits of a given convolution kernel into factors of which at most one is larger than 1x1."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from overparam_tf.errors import InputError
from overparam_tf.initializers import SPLITS, fill_idle_units, low_rank, pad_with_zeros
from overparam_tf.layers._conv_balance import balance_around


def split_kernel(
    kernel: np.ndarray, spatial: int, widths: Sequence[int], groups: int, split: str
) -> list[np.ndarray]:
    r"""Split a kernel into 1x1 kernels and one of its own size; each group separately.

    A spatial factor at an end is a factor of the kernel unfolded as a matrix,
    (height width in, out) if it is the first and (in, height width out) if it is the last, and the
    matrix is split. In between, with taps t,

    $$K_t = P\, C_t\, Q, \qquad P = F_1 \cdots F_{s-1}, \quad Q = F_{s+1} \cdots F_N .$$

    Args:
        kernel: Shape (height, width, in / groups, out), finite.
        spatial: Index s, from 0, of the factor that has the size of the kernel.
        widths: `[in, width_1, ..., width_{N-1}, out]`, each divisible by `groups`.
        groups: Number of groups of channels.
        split: `"balanced"` or `"identity"`.

    Returns:
        List of N arrays (height_j, width_j, c_{j-1} / groups, c_j) in the kernel's dtype. With
        `"balanced"`, neighbours have equal Gram matrices over the channels between them, summed
        over the taps, which gradient flow conserves as it does for matrices: exactly for a spatial
        factor at an end, else to a relative 1e-10 (1e-6 in float32). Channels that the kernel does
        not need start as `overparam_tf.initializers.fill_idle_units` says.

    Raises:
        InputError: If a width is too small for an exact split, or an entry of the kernel is not
            finite.

    Example:
        >>> kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 4))
        >>> first, middle, last = split_kernel(kernel, 1, [2, 2, 4, 4], 1, "balanced")
        >>> bool(np.allclose(first[0, 0] @ middle @ last[0, 0], kernel, atol=1e-12))
        True
        >>> left, right = first[0, 0].T @ first[0, 0], np.einsum("hwio,hwjo->ij", middle, middle)
        >>> bool(np.allclose(left, right, atol=1e-9))
        True
    """
    if not np.isfinite(kernel).all():
        raise InputError(
            "Expected a kernel with finite entries. "
            f"Received: kernel.shape={kernel.shape}, with entries that are NaN or infinite"
        )
    group_widths = [width // groups for width in widths]
    splits_of_groups = [
        _split_group(part, spatial, group_widths, split)
        for part in np.split(kernel, groups, axis=-1)
    ]
    return [
        np.concatenate(parts_of_factor, axis=-1)
        for parts_of_factor in zip(*splits_of_groups, strict=True)
    ]


def nearest_kernel(
    kernel: np.ndarray, spatial: int, widths: Sequence[int], groups: int
) -> np.ndarray:
    """Return a kernel's best approximation in the channels that the widths let through.

    In front of the spatial factor only as many combinations of the inputs are left as the smallest
    width there, behind it as many of the outputs. The largest ones are kept, for each group.

    Args:
        kernel: Shape (height, width, in / groups, out).
        spatial: Index, from 0, of the factor that has the size of the kernel.
        widths: `[in, width_1, ..., width_{N-1}, out]`, each divisible by `groups`.
        groups: Number of groups of channels.

    Example:
        >>> kernel = np.diag([3.0, 2.0, 1.0]).reshape(1, 1, 3, 3)
        >>> np.diag(nearest_kernel(kernel, 0, [3, 2, 3], 1)[0, 0]).tolist()
        [3.0, 2.0, 0.0]
    """
    before = min(widths[1 : spatial + 1], default=kernel.shape[2] * groups) // groups
    behind = min(widths[spatial + 1 : -1], default=kernel.shape[3]) // groups
    parts = []
    for part in np.split(kernel, groups, axis=-1):
        part = _keep_largest(part, 2, before)
        parts.append(_keep_largest(part, 3, behind))
    return np.concatenate(parts, axis=-1)


def _keep_largest(kernel: np.ndarray, axis: int, count: int) -> np.ndarray:
    """Return the kernel projected on its `count` largest directions along an axis of channels."""
    unfolded = np.moveaxis(kernel, axis, 0)
    matrix = unfolded.reshape(len(unfolded), -1)
    projected = low_rank(matrix, [count]).reshape(unfolded.shape)
    return np.moveaxis(projected, 0, axis)


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
        carrier = _carrier_around(taps.shape, spatial, widths)
        factors = fill_idle_units(
            balance_around(taps, spatial, widths), spatial if carrier is None else carrier
        )
    else:
        factors = _identity_around(taps, spatial, widths)
    shaped = []
    for j, (factor, channels) in enumerate(zip(factors, itertools.pairwise(widths), strict=True)):
        size = (height, width) if j == spatial else (1, 1)
        shaped.append(factor.astype(kernel.dtype).reshape(*size, *channels))
    return shaped


def _carrier_around(shape: tuple[int, int, int], spatial: int, widths: list[int]) -> int | None:
    """Return the factor that can hold any kernel among identity-like ones, None if none can.

    Args:
        shape: (taps, in, out).
        spatial: Index of the middle factor, neither the first nor the last.
        widths: `[in, width_1, ..., width_{N-1}, out]`.
    """
    count, inputs, outputs = shape
    left, right = min(widths[1 : spatial + 1]), min(widths[spatial + 1 : -1])
    if left >= inputs and right >= outputs:
        return spatial
    if left >= inputs and right >= count * inputs:
        return len(widths) - 2  # the last
    if left >= count * outputs and right >= outputs:
        return 0
    return None


def _identity_around(taps: np.ndarray, spatial: int, widths: list[int]) -> list[np.ndarray]:
    """Return factors of which one has the kernel and the others are identity-like.

    The middle factor has it. If a width does not hold all in or out channels, an outer one has it.

    Args:
        taps: The kernel, (taps, in, out).
        spatial: Index of the middle factor, neither the first nor the last.
        widths: `[in, width_1, ..., width_{N-1}, out]`.

    Raises:
        InputError: If no factor can hold the kernel.
    """
    count, inputs, outputs = taps.shape
    factors = [np.eye(*shape) for shape in itertools.pairwise(widths)]
    middle = np.zeros((count, *widths[spatial : spatial + 2]))
    carrier = _carrier_around(taps.shape, spatial, widths)
    if carrier is None:
        raise InputError(
            f"Expected widths >= {min(inputs, count * outputs)} in front of the spatial factor "
            f"and >= {min(count * inputs, outputs)} behind it (for each group), since narrower "
            f"identities lose part of the kernel. Received: widths={widths[1:-1]}"
        )
    if carrier == spatial:
        middle[:, :inputs, :outputs] = taps
    elif carrier > spatial:
        # The middle lays the inputs under the kernel side by side, the last factor sums them up.
        for t in range(count):
            middle[t, :inputs, t * inputs : (t + 1) * inputs] = np.eye(inputs)
        factors[-1] = pad_with_zeros(taps.reshape(-1, outputs), factors[-1].shape)
    else:
        # The first factor applies every tap, the middle sums them up.
        for t in range(count):
            middle[t, t * outputs : (t + 1) * outputs, :outputs] = np.eye(outputs)
        unfolded = taps.transpose(1, 0, 2).reshape(inputs, -1)
        factors[0] = pad_with_zeros(unfolded, factors[0].shape)
    factors[spatial] = middle
    return fill_idle_units(factors, carrier)
