"""The preconditioner of the end-to-end rule as an operator: apply it, or look at its spectrum."""

from __future__ import annotations

import dataclasses

from keras import ops

from overparam_tf.dynamics.checks import Tensor, check_depth, check_gradient, check_kernel
from overparam_tf.dynamics.matrices import matmul, transpose
from overparam_tf.dynamics.singular_basis import singular_basis
from overparam_tf.dynamics.spectrum import geometric_sums, null_eigenvalues
from overparam_tf.errors import input_error

MAX_DENSE_SIZE = 4096
"""Largest in * out for which eigenvectors and the dense matrix are built: 128 MiB in float64."""


def preconditioner(kernel: Tensor, depth: Tensor) -> Preconditioner:
    r"""Return the linear map by which depth multiplies the gradient, as an operator.

    $$P_K(G) = \sum_{j=1}^{N} [K K^\top]^{\frac{j-1}{N}} \, G \, [K^\top K]^{\frac{N-j}{N}}$$

    It is symmetric and positive semidefinite. With `K = U diag(s) V^T` its eigenvectors are
    `vec(u_r v_r'^T)`, its eigenvalues `sum_j s_r^(2(N-j)/N) s_r'^(2(j-1)/N)`: steps are larger
    where the kernel has grown already.

    Args:
        kernel: Float tensor of shape (..., in, out); leading axes stack independent kernels.
        depth: Number `N >= 1`, may be fractional, or a tensor of shape (..., 1, 1).

    Returns:
        A `Preconditioner`. Depth 1 gives the identity.

    Raises:
        InputError: If the kernel is no finite float matrix, or the depth is below 1.

    Source: Arora, Cohen & Hazan 2018, Theorem 1 and Claim 1.

    Example:
        Along a singular direction `u v^T` with `s = 8` depth 3 multiplies by
        `3 * 8^(2 - 2/3) = 48`.

        >>> import numpy as np
        >>> operator = preconditioner(np.diag([8.0, 1.0]), depth=3)
        >>> gradient = np.array([[1.0, 0.0], [1.0, 0.0]])
        >>> bool(np.allclose(operator.apply(gradient), [[48, 0], [21, 0]]))
        True
        >>> bool(np.allclose(operator.eigenvalues, [48, 21, 21, 3]))
        True
    """
    kernel = check_kernel(kernel)
    check_depth(depth, kernel)
    return Preconditioner.of(kernel, depth)


@dataclasses.dataclass(frozen=True, eq=False)
class Preconditioner:
    """The end-to-end preconditioner of one kernel (or a stack), by the kernel's thin SVD.

    Vectors are row-major: `vec(A) = A.reshape(-1)`, so that `vec(u v^T) = kron(u, v)`.

    Attributes:
        kernel: Tensor of shape (..., in, out).
        depth: Number, or a tensor of shape (..., 1, 1).
        left: Left singular vectors, shape (..., in, p) with `p = min(in, out)`.
        singular_values: Singular values, shape (..., p).
        right: Right singular vectors, shape (..., out, p).
    """

    kernel: Tensor
    depth: Tensor
    left: Tensor
    singular_values: Tensor
    right: Tensor

    @classmethod
    def of(cls, kernel: Tensor, depth: Tensor) -> Preconditioner:
        """Return the preconditioner of a kernel without checking it, see `preconditioner`."""
        return cls(kernel, depth, *singular_basis(kernel))

    def apply(self, gradient: Tensor) -> Tensor:
        """Return `P_K(G)` for a gradient `G` of the kernel's shape, by thin matrix products."""
        gradient = check_gradient(gradient, self.kernel)
        if self.kernel.shape[-2] >= self.kernel.shape[-1]:
            return self._apply(self.left, self.right, gradient)
        # P_K(G)^T is P of K^T applied to G^T.
        return transpose(self._apply(self.right, self.left, transpose(gradient)))

    def _apply(self, long: Tensor, short: Tensor, gradient: Tensor) -> Tensor:
        # The basis S of the short side is complete, L of the long side is not. Let A = G S, let E
        # be the eigenvalues of pairs within the bases and e those of pairs with the kernel's null
        # space. Then
        #   P(G) S = L (E * L^T A) + (A - L L^T A) diag(e) = A diag(e) + L ((E - e) * L^T A).
        # The zero columns of L do no harm, as E = e in their rows.
        projected = matmul(gradient, short)
        null = null_eigenvalues(self.singular_values[..., None, :], self.depth)
        pairs = geometric_sums(self.singular_values, self.singular_values, self.depth)
        within = matmul(long, (pairs - null) * matmul(transpose(long), projected))
        return matmul(projected * null + within, transpose(short))

    @property
    def eigenvalues(self) -> Tensor:
        """Return the eigenvalues of all pairs (r, r'), r' running faster, shape (..., in * out)."""
        values = self.singular_values
        inputs, outputs = self.kernel.shape[-2:]
        missing = [[0, 0]] * (len(values.shape) - 1)
        pairs = geometric_sums(
            ops.pad(values, [*missing, [0, inputs - values.shape[-1]]]),
            ops.pad(values, [*missing, [0, outputs - values.shape[-1]]]),
            self.depth,
        )
        return ops.reshape(pairs, (*ops.shape(pairs)[:-2], inputs * outputs))

    @property
    def eigenvectors(self) -> Tensor:
        """Return the eigenvectors `vec(u_r v_r'^T)` in the order of the eigenvalues.

        Returns:
            Tensor of shape (..., in * out, in * out), an eigenvector in each column.

        Raises:
            InputError: If `in * out` is above `MAX_DENSE_SIZE`.
        """
        inputs, outputs = self.kernel.shape[-2:]
        size = inputs * outputs
        if size > MAX_DENSE_SIZE:
            raise input_error(
                f"at most in * out = {MAX_DENSE_SIZE} for eigenvectors and the dense matrix; "
                "use apply",
                **{"kernel.shape": tuple(self.kernel.shape)},
            )
        left, _, right = ops.svd(self.kernel, full_matrices=True)
        pairs = ops.einsum("...ir,...sk->...ikrs", left, right)
        return ops.reshape(pairs, (*ops.shape(pairs)[:-4], size, size))

    def dense(self) -> Tensor:
        """Return the matrix of the map on row-major vectors, shape (..., in * out, in * out).

        Raises:
            InputError: If `in * out` is above `MAX_DENSE_SIZE`.
        """
        vectors = self.eigenvectors
        return matmul(vectors * self.eigenvalues[..., None, :], transpose(vectors))
