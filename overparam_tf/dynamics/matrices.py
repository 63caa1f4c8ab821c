"""Products and transposes of matrices, or stacks of them, to the precision of their dtype."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from keras import backend, ops

from overparam_tf.dynamics.checks import Tensor

# The bits of a float32 that are left when it is cut to the 11 digits that matrix units multiply.
TF32_BITS = -(2**13)


def matmul(left: Tensor, right: Tensor) -> Tensor:
    """Return the matrix product, to the rounding of its dtype on every device.

    The matrix units of GPUs round the factors of a float32 product to 11 binary digits (TF32), as
    TensorFlow and JAX let them by default, and those of TPUs to 8. For a layer that is noise as of
    a gradient. Iterations towards a root or a polar factor multiply it: on an H200 the rule of
    depth 2 was wrong by 1.4e-3 in place of 2e-6, that of depth 4 was NaN. So JAX is asked for the
    full precision; on TensorFlow, and on PyTorch where it is told to use TF32, three products of
    parts with 11 digits are summed.

    Args:
        left: Float tensor of shape (..., m, k).
        right: Tensor of the same dtype, of shape (..., k, n).

    Returns:
        Tensor of shape (..., m, n).

    Example:
        >>> import numpy as np
        >>> print(ops.convert_to_numpy(matmul(np.ones((1, 2)), np.ones((2, 1)))))
        [[2.]]
    """
    left, right = ops.convert_to_tensor(left), ops.convert_to_tensor(right)
    if backend.backend() == "jax":
        return _module("jax").numpy.matmul(left, right, precision="highest")
    if not rounds_factors(left):
        return left @ right  # not `ops.matmul`, which multiplies float64 in float32 on PyTorch
    return sum(first @ second for first, second in parts_of_product(left, right))


def parts_of_product(left: Tensor, right: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return pairs of float32 tensors whose products add up to that of two tensors.

    With `a = A + a'`, where A has the first 11 digits of a, and b likewise, they are `A B`, `A b'`
    and `a' b`. Matrix units take A and B as they are; what they round of the others is 2^-11 of
    2^-11. The derivatives in a and b are those of `a b`.

    Args:
        left: float32 tensor of shape (..., m, k).
        right: float32 tensor of shape (..., k, n).
    """
    first, second = _leading_digits(left), _leading_digits(right)
    return [(first, second), (first, right - second), (left - first, right)]


def _leading_digits(tensor: Tensor) -> Tensor:
    # By bits: what a compiler may take for x + c - c it simplifies.
    bits = ops.bitwise_and(ops.view(tensor, "int32"), TF32_BITS)
    return ops.stop_gradient(ops.view(bits, "float32"))


def rounds_factors(tensor: Tensor) -> bool:
    """Return whether TensorFlow or PyTorch lets matrix units round the factors of a product."""
    if backend.standardize_dtype(tensor.dtype) != "float32" or not is_on_gpu(tensor):
        return False
    if backend.backend() == "torch":
        return _module("torch").get_float32_matmul_precision() != "highest"
    return _module("tensorflow").config.experimental.tensor_float_32_execution_enabled()


def is_on_gpu(tensor: Tensor) -> bool:
    """Return whether a tensor's operations run on a GPU: on TensorFlow and JAX if there is one."""
    if backend.backend() == "torch":
        return tensor.is_cuda
    if backend.backend() == "jax":
        return _module("jax").default_backend() == "gpu"
    return bool(_module("tensorflow").config.list_physical_devices("GPU"))


def _module(name: str) -> Any:
    """Return the module of Keras's backend, which Keras has imported."""
    return sys.modules[name]


def transpose(matrix: Tensor) -> Tensor:
    """Return the transpose of a matrix, or of every matrix in a stack."""
    return ops.swapaxes(matrix, -1, -2)


def symmetric(matrix: Tensor) -> Tensor:
    """Return the symmetric part of a square matrix."""
    return (matrix + transpose(matrix)) / 2


def rounding(tensor: Tensor) -> float:
    """Return the relative rounding error of a tensor's dtype, such as 1.2e-7 for float32."""
    return float(np.finfo(backend.standardize_dtype(tensor.dtype)).eps)


def or_one(value: Tensor) -> Tensor:
    """Return a divisor: `value` with 1 in place of 0."""
    return ops.where(ops.equal(value, 0), ops.ones_like(value), value)
