"""The end-to-end rule's preconditioner as an operator: apply it, or look at its spectrum."""

from __future__ import annotations

import dataclasses
from typing import Any

from keras import ops

from overparam_tf.dynamics.checks import check_depth, check_gradient, check_kernel
from overparam_tf.dynamics.singular_basis import singular_basis
from overparam_tf.dynamics.spectrum import null_eigenvalues, pair_eigenvalues
from overparam_tf.errors import InputError

MAX_DENSE_SIZE = 4096
"""Largest in * out for which eigenvectors and the dense matrix are built: 128 MiB each in float64."""


def preconditioner(kernel, depth) -> Preconditioner:
    r"""Return the linear map that depth puts before the gradient, as an operator.

    $$P_K(G) = \sum_{j=1}^{N} [K K^\top]^{\frac{j-1}{N}} \, G \, [K^\top K]^{\frac{N-j}{N}}$$

    It is symmetric and positive semidefinite. With `K = U diag(s) V^T` its eigenvectors are
    `vec(u_r v_r'^T)`, its eigenvalues `sum_j s_r^(2(N-j)/N) s_r'^(2(j-1)/N)`: where the kernel has grown
    already, steps are larger.

    Args:
        kernel: float tensor of shape (..., in, out); leading axes stack independent kernels.
        depth: number `N >= 1`, may be fractional, or a tensor of shape (..., 1, 1).

    Returns:
        A `Preconditioner`. Depth 1 gives the identity.

    Raises:
        InputError: for a kernel that is no finite float matrix, or a depth below 1.

    Source: Arora, Cohen & Hazan 2018, Theorem 1 and Claim 1.

    Example: along a singular direction `u v^T` with `s = 8` depth 3 multiplies by `3 * 8^(2 - 2/3) = 48`.

    >>> import numpy as np
    >>> operator = preconditioner(np.diag([8.0, 1.0]), depth=3)
    >>> bool(np.allclose(operator.apply(np.array([[1.0, 0.0], [1.0, 0.0]])), [[48, 0], [21, 0]]))
    True
    >>> bool(np.allclose(operator.eigenvalues, [48, 21, 21, 3]))
    True
    """
    kernel = check_kernel(kernel)
    check_depth(depth, kernel)
    return Preconditioner.of(kernel, depth)


@dataclasses.dataclass(frozen=True, eq=False)
class Preconditioner:
    """The end-to-end preconditioner of one kernel (or a stack), held by the kernel's thin SVD.

    Vectors are row-major: `vec(A) = A.reshape(-1)`, so that `vec(u v^T) = kron(u, v)`.

    Attributes:
        kernel: (..., in, out).
        depth: number, or a tensor of shape (..., 1, 1).
        left: (..., in, p), left singular vectors, `p = min(in, out)`.
        singular_values: (..., p).
        right: (..., out, p), right singular vectors.
    """

    kernel: Any
    depth: Any
    left: Any
    singular_values: Any
    right: Any

    @classmethod
    def of(cls, kernel, depth) -> Preconditioner:
        """Decompose `kernel`; nothing is checked, see `preconditioner`."""
        return cls(kernel, depth, *singular_basis(kernel))

    def apply(self, gradient):
        """Return `P_K(G)` for a gradient `G` of the kernel's shape, by a few thin matrix products."""
        gradient = check_gradient(gradient, self.kernel)
        if self.kernel.shape[-2] >= self.kernel.shape[-1]:
            return self._apply(self.left, self.right, gradient)
        # P_K(G)^T is P of K^T applied to G^T.
        return _transpose(self._apply(self.right, self.left, _transpose(gradient)))

    def _apply(self, long, short, gradient):
        # The basis S of the short side is complete, L of the long side is not. Let A = G S, let E be the
        # eigenvalues of pairs within the bases and e those of pairs with the kernel's null space. Then
        #   P(G) S = L (E * L^T A) + (A - L L^T A) diag(e) = A diag(e) + L ((E - e) * L^T A).
        # The zero columns of L do no harm, as E = e in their rows.
        projected = gradient @ short
        null = null_eigenvalues(self.singular_values[..., None, :], self.depth)
        pairs = pair_eigenvalues(self.singular_values, self.singular_values, self.depth)
        within = long @ ((pairs - null) * (_transpose(long) @ projected))
        return (projected * null + within) @ _transpose(short)

    @property
    def eigenvalues(self):
        """All in * out eigenvalues, (..., in * out): those of the pairs (r, r'), r' running faster."""
        values = self.singular_values
        inputs, outputs = self.kernel.shape[-2:]
        missing = [[0, 0]] * (len(values.shape) - 1)
        pairs = pair_eigenvalues(
            ops.pad(values, [*missing, [0, inputs - values.shape[-1]]]),
            ops.pad(values, [*missing, [0, outputs - values.shape[-1]]]),
            self.depth,
        )
        return ops.reshape(pairs, (*ops.shape(pairs)[:-2], inputs * outputs))

    @property
    def eigenvectors(self):
        """The eigenvectors `vec(u_r v_r'^T)`, columns of (..., in * out, in * out), as the eigenvalues.

        Raises:
            InputError: when `in * out` is above `MAX_DENSE_SIZE`.
        """
        inputs, outputs = self.kernel.shape[-2:]
        size = inputs * outputs
        if size > MAX_DENSE_SIZE:
            raise InputError(
                f"eigenvectors and the dense matrix are built up to in * out = {MAX_DENSE_SIZE}; use apply. "
                f"Received: kernel.shape={tuple(self.kernel.shape)}"
            )
        left, _, right = ops.svd(self.kernel, full_matrices=True)
        pairs = ops.einsum("...ir,...sk->...ikrs", left, right)
        return ops.reshape(pairs, (*ops.shape(pairs)[:-4], size, size))

    def dense(self):
        """Return the matrix of the map on row-major vectors, (..., in * out, in * out).

        Raises:
            InputError: when `in * out` is above `MAX_DENSE_SIZE`.
        """
        vectors = self.eigenvectors
        return (vectors * self.eigenvalues[..., None, :]) @ _transpose(vectors)


def _transpose(matrix):
    return ops.swapaxes(matrix, -1, -2)
