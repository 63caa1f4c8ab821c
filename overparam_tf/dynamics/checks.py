"""What every function of this package asks of its kernel, gradient and depth: one clear line otherwise."""

from __future__ import annotations

import numpy as np
from keras import backend, ops

from overparam_tf.errors import InputError


def check_depth(depth, kernel=None):
    """Raise unless `depth` is a number >= 1 or, for a stack of kernels, a tensor (..., 1, 1) of them."""
    values = _concrete(depth)
    if values is not None and (
        values.dtype.kind not in "iuf" or not np.all(np.isfinite(values) & (values >= 1))
    ):
        raise InputError(
            f"depth must be a finite number >= 1, it may be fractional. Received: depth={depth}"
        )
    shape = tuple(getattr(depth, "shape", ()))
    allowed = () if kernel is None else (*kernel.shape[:-2], 1, 1)
    aligned = allowed[-len(shape) :] if shape else ()
    fits = len(shape) == len(aligned) and all(
        size in (1, limit)
        or None in (size, limit)  # None: not known while a function is being traced
        for size, limit in zip(shape, aligned, strict=True)
    )
    if not fits:
        raise InputError(
            "depth must be a number, or for a stack of kernels a tensor with one depth for each. "
            f"Expected a shape that broadcasts to {allowed}. Received: depth.shape={shape}"
        )


def check_kernel(kernel):
    """Return `kernel` as a tensor; raise unless it is a finite float matrix (in, out), or a stack of them.

    Values can be looked at in eager code only; in a compiled function NaN stays NaN.
    """
    kernel = ops.convert_to_tensor(kernel)
    dtype = backend.standardize_dtype(kernel.dtype)
    if dtype not in ("float32", "float64"):
        raise InputError(f"kernel must be float32 or float64. Received: kernel.dtype={dtype}")
    shape = tuple(kernel.shape)
    if len(shape) < 2 or None in shape[-2:] or 0 in shape[-2:]:
        raise InputError(
            f"Expected a kernel (in, out) or a stack of them. Received: kernel.shape={shape}"
        )
    values = _concrete(kernel)
    if values is not None and not np.all(np.isfinite(values)):
        bad = np.count_nonzero(~np.isfinite(values))
        raise InputError(
            "kernel must be finite; lower the learning rate if training diverged. "
            f"Received: {bad} of {values.size} entries are NaN or infinite"
        )
    return kernel


def check_gradient(gradient, kernel):
    """Return `gradient` as a tensor of the kernel's dtype; raise unless the two shapes are equal."""
    gradient = ops.convert_to_tensor(gradient, kernel.dtype)
    if tuple(gradient.shape) != tuple(kernel.shape):
        raise InputError(
            "gradient must have the kernel's shape. "
            f"Received: gradient.shape={tuple(gradient.shape)}, kernel.shape={tuple(kernel.shape)}"
        )
    return gradient


def is_single_output(kernel) -> bool:
    """Return whether the kernel is one row or one column, so that the closed single-output rule applies."""
    return 1 in tuple(kernel.shape)[-2:]


def _concrete(value) -> np.ndarray | None:
    """Return `value` as a numpy array, or None while a function is being traced."""
    try:
        return ops.convert_to_numpy(value)
    except (
        NotImplementedError,
        TypeError,
        ValueError,
    ):  # from TensorFlow, JAX and Keras's symbolic tensors
        return None
