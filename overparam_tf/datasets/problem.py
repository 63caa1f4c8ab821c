"""One regression problem, ready to train on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from overparam_tf.checks import boolean, one_of, real_matrix, text
from overparam_tf.datasets.preprocessing import PREPROCESSINGS
from overparam_tf.errors import input_error


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """Features x and targets y of a regression problem, with their origin.

    Args:
        name: Short name for folders and tables, such as "gas-ethanol".
        x: Features, shape (n, d); stored as a read-only float64 copy.
        y: Targets, shape (n, k); stored as a read-only float64 copy.
        provenance: The origin of the numbers and whom to cite, in one line.
        preprocessing: The scaling of the columns: "zscore", "minmax" or "none".
        synthetic: Whether the numbers are a generated stand-in; `label` then says so.

    Raises:
        InputError: If x or y is no matrix of finite numbers or is empty, their rows differ in
            number, the name is empty, or the preprocessing is unknown.

    Example:
        >>> import numpy as np
        >>> x, y = np.eye(2), np.ones((2, 1))
        >>> problem = Problem("toy", x, y, "written by hand", "none", synthetic=False)
        >>> problem
        Problem(toy (2 x 2, none))
        >>> problem.x.flags.writeable
        False
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    provenance: str
    preprocessing: str
    synthetic: bool

    def __post_init__(self) -> None:
        text("name", self.name, empty=False)
        text("provenance", self.provenance)
        one_of("preprocessing", self.preprocessing, PREPROCESSINGS)
        boolean("synthetic", self.synthetic)
        for field in ("x", "y"):
            matrix = real_matrix(field, getattr(self, field))
            matrix.setflags(write=False)
            object.__setattr__(self, field, matrix)
        if len(self.x) != len(self.y):
            raise input_error(
                "the same number of rows in x and y",
                **{"x.shape": self.x.shape, "y.shape": self.y.shape},
            )

    @property
    def rows(self) -> int:
        """Return the number of examples, n."""
        return self.x.shape[0]

    @property
    def features(self) -> int:
        """Return the number of input columns, d."""
        return self.x.shape[1]

    @property
    def outputs(self) -> int:
        """Return the number of target columns, k."""
        return self.y.shape[1]

    @property
    def checksum(self) -> str:
        """Return the SHA-256 (hex) over the shapes and little-endian float64 bytes of x and y."""
        digest = hashlib.sha256(f"{self.x.shape} {self.y.shape}".encode())
        for values in (self.x, self.y):
            digest.update(values.astype("<f8").tobytes())
        return digest.hexdigest()

    @property
    def label(self) -> str:
        """Return the title in figures and tables; that of a stand-in says SYNTHETIC."""
        stand_in = "SYNTHETIC stand-in " if self.synthetic else ""
        return f"{stand_in}{self.name} ({self.rows} x {self.features}, {self.preprocessing})"

    def describe(self) -> dict[str, Any]:
        """Return what identifies the problem, JSON-ready: names, origin, sizes and checksum."""
        return {
            "name": self.name,
            "label": self.label,
            "synthetic": self.synthetic,
            "provenance": self.provenance,
            "preprocessing": self.preprocessing,
            "rows": self.rows,
            "features": self.features,
            "sha256": self.checksum,
        }

    def __repr__(self) -> str:
        return f"Problem({self.label})"

    def compressed(self) -> Problem:
        r"""Return a problem of m = d + k rows with the same mean squared error, exactly.

        With the QR factorisation `[X y] = Q R` (R of shape (m, m), Q^T Q = I), any kernel K (d, k)
        has

            [X y] [K; -I] = Q (R [K; -I]),   so   ||X K - y||^2 = ||R [K; -I]||^2.

        The rows of `sqrt(m/n) R` are the new x (first d columns) and y (last k): the mean of e^2
        over m rows then equals the mean over n rows, and so does its gradient in K.

        This holds for p = 2 only, and only for models without a bias: a bias adds the same number
        to every row, and the new rows are mixtures of the old ones. (For z-scored columns the
        optimal bias is 0.)

        Returns:
            A Problem named NAME-compressed; this same problem if it has no more than d + k rows.

        Example:
            >>> import numpy as np
            >>> rng = np.random.default_rng(0)
            >>> x, y = rng.standard_normal((50, 3)), rng.standard_normal((50, 1))
            >>> problem = Problem("toy", x, y, "random", "none", synthetic=True)
            >>> small = problem.compressed()
            >>> small.x.shape
            (4, 3)
            >>> kernel = np.ones((3, 1))
            >>> mse = [np.mean((p.x @ kernel - p.y) ** 2) for p in (problem, small)]
            >>> bool(np.isclose(*mse, rtol=1e-12))
            True
        """
        m = self.features + self.outputs
        if self.rows <= m:
            return self
        r = np.linalg.qr(np.hstack([self.x, self.y]), mode="r") * np.sqrt(m / self.rows)
        return replace(
            self, name=f"{self.name}-compressed", x=r[:, : self.features], y=r[:, self.features :]
        )
