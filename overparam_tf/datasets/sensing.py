"""Matrix sensing: a problem whose labels are inner products of the kernel with given matrices."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from overparam_tf.checks import list_of, positive_int
from overparam_tf.datasets.problem import Problem
from overparam_tf.errors import input_error


@dataclass(frozen=True, eq=False, repr=False)
class SensingProblem(Problem):
    r"""Matrices A_1 .. A_m and labels y_i, to be met by inner products with the kernel.

    The prediction for row i is

        <A_i, K> = sum over a and b of (A_i)_{ab} K_{ab},

    so that one matrix takes the place of a row of features, and one number that of k labels. A
    sweep trains any variant without biases on it, by the l_p loss of <A_i, K> - y_i. With
    `convex_floor(problem.x, problem.y, p)` the kernel is one column of d k numbers; with fewer rows
    than that, the floor is in general 0, since many kernels fit.

    Args:
        name: As in `Problem`, like all up to `held_out`.
        x: The matrices, each one row of d k numbers in the order of `K.ravel()`, shape (m, d k).
        y: The labels, shape (m, 1).
        shape: The shape (d, k) of the kernel.

    Raises:
        InputError: As in `Problem`; or if the shapes do not fit one another.

    Example:
        >>> matrices = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 0.0]]])
        >>> kernel = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> y = np.einsum("iab,ab->i", matrices, kernel)[:, None]
        >>> x = matrices.reshape(2, -1)
        >>> problem = SensingProblem("trace", x, y, "by hand", "none", False, shape=(2, 2))
        >>> problem.y.ravel().tolist(), problem.features, problem.outputs
        ([5.0, 2.0], 2, 2)
        >>> problem
        SensingProblem(trace (2 products with 2 x 2 matrices, none))
    """

    shape: tuple[int, int] = field(kw_only=True)

    def __post_init__(self) -> None:
        sizes = tuple(list_of("shape", self.shape, positive_int))
        if len(sizes) != 2:
            raise input_error("two numbers, d and k, for shape", shape=self.shape)
        object.__setattr__(self, "shape", sizes)
        super().__post_init__()
        d, k = sizes
        if self.x.shape[1] != d * k:
            raise input_error(
                f"rows of {d} * {k} = {d * k} numbers for x", **{"x.shape": self.x.shape}
            )
        if self.y.shape[1] != 1:
            raise input_error("one label a row for y", **{"y.shape": self.y.shape})

    @property
    def features(self) -> int:
        """Return the number of rows of the kernel, d."""
        features, _ = self.shape
        return features

    @property
    def outputs(self) -> int:
        """Return the number of columns of the kernel, k."""
        _, outputs = self.shape
        return outputs

    @property
    def matrices(self) -> np.ndarray:
        """Return the matrices, shape (m, d, k)."""
        return self.x.reshape(-1, *self.shape)

    @property
    def checksum(self) -> str:
        """Return the SHA-256 (hex) over the shape of the kernel and the checksum of a `Problem`."""
        return hashlib.sha256(f"{self.shape} {super().checksum}".encode()).hexdigest()

    @property
    def _size(self) -> str:
        features, outputs = self.shape
        size = f"{self.rows:,} products with {features} x {outputs} matrices"
        return size if self.unobserved is False else f"{size}, {self.observations:,} observed"

    def __repr__(self) -> str:
        return f"SensingProblem({self.label})"
