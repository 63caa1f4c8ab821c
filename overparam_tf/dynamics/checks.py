"""Checks of kernels, gradients, factors and depths: tensors of any backend, traced or not.

Shapes and dtypes are checked everywhere. Values can be looked at in eager code only: in a function
that is being traced or compiled NaN stays NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
from keras import backend, ops

from overparam_tf.errors import InputError, input_error

# A tensor or array of any backend that Keras knows, or a number in its place.
Tensor = Any


def check_depth(depth: Tensor, kernel: Tensor = None) -> None:
    """Check that a depth is a number >= 1 or, for a stack of kernels, a tensor of such numbers.

    Args:
        depth: A number, or a tensor whose shape broadcasts to (..., 1, 1).
        kernel: Tensor of shape (..., in, out); default None, for which a number is needed.

    Raises:
        InputError: If the depth is below 1, not finite, of another type, or of another shape.
    """
    _check_numbers("depth", depth, 1, "; it may be fractional")
    _check_shape("depth", tuple(getattr(depth, "shape", ())), kernel)


def check_rate(name: str, value: Tensor, kernel: Tensor) -> Tensor:
    """Return a learning rate, or the like, as a tensor of shape (..., 1, 1).

    Args:
        name: The argument's name, for the message.
        value: A number, or a tensor whose shape broadcasts to (..., 1, 1).
        kernel: Tensor of shape (..., in, out).

    Raises:
        InputError: If the value is negative, not finite, of another type, or of another shape.
    """
    _check_numbers(name, value, 0)
    rate = ops.convert_to_tensor(value, kernel.dtype)
    _check_shape(name, tuple(rate.shape), kernel)
    return rate if len(rate.shape) else ops.reshape(rate, (1, 1))


def _check_numbers(name: str, value: Tensor, least: float, remark: str = "") -> None:
    """Check that a value is a finite number >= `least`, or a tensor of such numbers."""
    is_number_or_tensor = isinstance(value, Real) or hasattr(value, "shape")
    numbers = _concrete(value) if is_number_or_tensor else np.asarray(None)
    if numbers is not None and not (
        numbers.dtype.kind in "iuf" and np.all(np.isfinite(numbers) & (numbers >= least))
    ):
        raise input_error(f"a finite number >= {least} for {name}{remark}", **{name: value})


def _check_shape(name: str, shape: tuple[int, ...], kernel: Tensor) -> None:
    """Check that a shape broadcasts to a number for each of a stack of kernels."""
    allowed = () if kernel is None else (*kernel.shape[:-2], 1, 1)
    if not _broadcasts(shape, allowed):
        raise input_error(
            f"one number for {name}, or for a stack of kernels one for each, in a shape that "
            f"broadcasts to {allowed}",
            **{f"{name}.shape": shape},
        )


def check_kernel(kernel: Tensor) -> Tensor:
    """Return a kernel as a tensor.

    Args:
        kernel: Tensor of shape (..., in, out); leading axes stack independent kernels.

    Raises:
        InputError: If it is not a finite float32 or float64 matrix, or a stack of them.
    """
    kernel = _tensor("kernel", kernel)
    dtype = backend.standardize_dtype(kernel.dtype)
    if dtype not in ("float32", "float64"):
        raise InputError(f"Expected float32 or float64 for kernel. Received: kernel.dtype={dtype}")
    shape = tuple(kernel.shape)
    if len(shape) < 2 or None in shape[-2:] or 0 in shape[-2:]:
        raise input_error(
            "a matrix (in, out) or a stack of them for kernel", **{"kernel.shape": shape}
        )
    values = _concrete(kernel)
    if values is not None and not np.all(np.isfinite(values)):
        bad = np.count_nonzero(~np.isfinite(values))
        raise InputError(
            "Expected a finite kernel; lower the learning rate if training diverged. "
            f"Received: {bad} of {values.size} entries are NaN or infinite"
        )
    return kernel


def check_gradient(gradient: Tensor, kernel: Tensor) -> Tensor:
    """Return a gradient as a tensor of the kernel's dtype.

    Raises:
        InputError: If it does not have the kernel's shape.
    """
    gradient = _tensor("gradient", gradient, kernel.dtype)
    shape, expected = tuple(gradient.shape), tuple(kernel.shape)
    if shape != expected:
        raise input_error(
            "the kernel's shape for gradient", **{"gradient.shape": shape, "kernel.shape": expected}
        )
    return gradient


def check_single_output(kernel: Tensor) -> Tensor:
    """Return a kernel as a tensor; see `check_kernel`.

    Raises:
        InputError: If it has several rows and several columns, too.
    """
    kernel = check_kernel(kernel)
    if not is_single_output(kernel):
        raise input_error(
            "shape (in, 1) or (1, out) for kernel; end_to_end_update takes any other",
            **{"kernel.shape": tuple(kernel.shape)},
        )
    return kernel


def is_single_output(kernel: Tensor) -> bool:
    """Return whether a kernel is one row or one column, for which the rule has a closed form."""
    return 1 in tuple(kernel.shape)[-2:]


def check_factors(factors: Sequence[Tensor]) -> list[Tensor]:
    """Return factors as tensors.

    Args:
        factors: Tensors of shapes (..., in, m), (..., m, m'), ..., (..., m'', out).

    Raises:
        InputError: If there are none, or if their product does not exist.
    """
    try:
        entries = list(factors)
    except TypeError:
        raise input_error("a list of matrices for factors", factors=factors) from None
    tensors = [_tensor("factors", factor) for factor in entries]
    shapes = [tuple(tensor.shape) for tensor in tensors]
    are_matrices = bool(shapes) and all(len(shape) >= 2 for shape in shapes)
    if not are_matrices or any(left[-1] != right[-2] for left, right in pairwise(shapes)):
        raise InputError(
            "Expected one or more matrices whose product exists for factors, "
            f"(in, m), (m, m'), ..., (m'', out). Received: shapes={shapes}"
        )
    return tensors


def check_imbalance(imbalance: Tensor, kernel: Tensor) -> Tensor:
    """Return the conserved differences of a kernel's factors as a tensor of the kernel's dtype.

    Args:
        imbalance: Tensor of shape (..., N - 1), where `...` broadcasts to the kernel's stack.
        kernel: Tensor of shape (..., in, out).

    Raises:
        InputError: If it has another shape, or is not finite.
    """
    imbalance = _tensor("imbalance", imbalance, kernel.dtype)
    shape, stack = tuple(imbalance.shape), tuple(kernel.shape[:-2])
    if not shape or not _broadcasts(shape[:-1], stack):
        raise input_error(
            f"the shape (*{stack}, N - 1) for imbalance, a number for each factor but one",
            **{"imbalance.shape": shape},
        )
    values = _concrete(imbalance)
    if values is not None and not np.all(np.isfinite(values)):
        raise input_error("finite numbers for imbalance", imbalance=values.tolist())
    return imbalance


def check_gram(name: str, gram: Tensor, kernel: Tensor, axis: int) -> Tensor:
    """Return a Gram matrix of one side of a kernel as a tensor of the kernel's dtype.

    Args:
        name: The argument's name, for the message.
        gram: Tensor of shape (..., size, size).
        kernel: Tensor of shape (..., in, out).
        axis: The kernel's axis of that size.

    Raises:
        InputError: If it has another shape.
    """
    gram = _tensor(name, gram, kernel.dtype)
    shape, size = tuple(gram.shape), kernel.shape[axis]
    expected = (*kernel.shape[:-2], size, size)
    if shape != tuple(expected):
        raise input_error(f"the shape {expected} for {name}", **{f"{name}.shape": shape})
    return gram


def check_singular_values(name: str, values: Tensor) -> Tensor:
    """Return singular values as a tensor.

    Args:
        name: The argument's name, for the message.
        values: Float tensor of shape (..., m).

    Raises:
        InputError: If they are no float tensor with an axis, or one is negative or not finite.
    """
    tensor = _tensor(name, values)
    dtype = backend.standardize_dtype(tensor.dtype)
    expected = f"singular values, floats >= 0 in an axis, for {name}"
    if "float" not in dtype or not len(tensor.shape):
        raise input_error(expected, **{name: values})
    numbers = _concrete(tensor)
    if numbers is not None and not np.all(np.isfinite(numbers) & (numbers >= 0)):
        raise input_error(expected, **{name: numbers.tolist()})
    return tensor


def _tensor(name: str, value: Any, dtype: Any = None) -> Tensor:
    try:
        return ops.convert_to_tensor(value, dtype)
    except Exception as error:  # every backend raises errors of its own
        raise input_error(f"a tensor of real numbers for {name}", **{name: value}) from error


def _broadcasts(shape: Sequence[int | None], allowed: Sequence[int | None]) -> bool:
    """Return whether a shape broadcasts to the allowed one; None is a size not known yet."""
    aligned = allowed[len(allowed) - len(shape) :] if len(shape) <= len(allowed) else ()
    return len(shape) == len(aligned) and all(
        size in (1, limit) or None in (size, limit)
        for size, limit in zip(shape, aligned, strict=True)
    )


def _concrete(value: Tensor) -> np.ndarray | None:
    """Return the values of a tensor as a NumPy array, or None while it is being traced."""
    try:
        return ops.convert_to_numpy(value)
    # The errors of TensorFlow, of JAX, and of Keras's symbolic tensors.
    except (NotImplementedError, TypeError, ValueError):
        return None
