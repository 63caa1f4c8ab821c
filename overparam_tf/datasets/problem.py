"""One regression problem, ready to train on: the value that flows from the data files to the sweep."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from overparam_tf.datasets.preprocessing import check_preprocessing
from overparam_tf.errors import InputError


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """Features x and targets y of a regression problem, with where they come from.

    Args:
        name: short name for folders and tables, such as "gas-ethanol".
        x: features, shape (n, d); stored as a read-only float64 copy.
        y: targets, shape (n, k); stored as a read-only float64 copy.
        provenance: one line, where the numbers come from and whom to cite.
        preprocessing: what was done to the columns: "zscore", "minmax" or "none".
        synthetic: True for generated stand-ins; `label` then says so.

    Raises:
        InputError: x or y is not a non-empty 2-D array of finite numbers, their rows differ in number,
            the name is empty, or the preprocessing is unknown.

    Example:
        >>> import numpy as np
        >>> problem = Problem("toy", np.eye(2), np.ones((2, 1)), "written by hand", "none", synthetic=False)
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
        if not self.name:
            raise InputError(f"A problem needs a name. Received: name={self.name!r}")
        check_preprocessing(self.preprocessing)
        for field in ("x", "y"):
            object.__setattr__(self, field, _frozen(field, getattr(self, field)))
        if len(self.x) != len(self.y):
            raise InputError(
                f"x and y must have the same number of rows. Received: x.shape={self.x.shape}, y.shape={self.y.shape}"
            )

    @property
    def rows(self) -> int:
        """Number of examples, n."""
        return self.x.shape[0]

    @property
    def features(self) -> int:
        """Number of input columns, d."""
        return self.x.shape[1]

    @property
    def outputs(self) -> int:
        """Number of target columns, k."""
        return self.y.shape[1]

    @property
    def checksum(self) -> str:
        """SHA-256 (hex) over the shapes and the little-endian float64 bytes of x and y, rows in order."""
        digest = hashlib.sha256(f"{self.x.shape} {self.y.shape}".encode())
        for values in (self.x, self.y):
            digest.update(values.astype("<f8").tobytes())
        return digest.hexdigest()

    @property
    def label(self) -> str:
        """What figures and tables show, so that a stand-in is never taken for measured data."""
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
        r"""Replace the n rows by m = d + k rows with the same mean squared error, exactly.

        With the QR factorisation `[X y] = Q R` (R of shape (m, m), Q^T Q = I), any kernel K (d, k) has

            [X y] [K; -I] = Q (R [K; -I]),   so   ||X K - y||^2 = ||R [K; -I]||^2.

        The rows of `sqrt(m/n) R` are the new x (first d columns) and y (last k): the mean of e^2 over
        m rows then equals the mean over n rows, and so does its gradient in K.

        Holds for p = 2 only, and only for models without a bias: a bias adds the same number to every
        row, and the new rows are mixtures of the old ones. (For z-scored columns the optimal bias is 0.)

        Returns:
            A Problem named NAME-compressed; this same problem when it has no more than d + k rows.

        Example:
            >>> import numpy as np
            >>> rng = np.random.default_rng(0)
            >>> x, y, kernel = (rng.standard_normal(shape) for shape in ((50, 3), (50, 1), (3, 1)))
            >>> problem = Problem("toy", x, y, "random", "none", synthetic=True)
            >>> small = problem.compressed()
            >>> small.x.shape
            (4, 3)
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


def _frozen(name: str, values: np.ndarray) -> np.ndarray:
    try:
        array = np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise InputError(
            f"{name} must be an array of numbers. Received: {type(values).__name__}"
        ) from None
    if array.ndim != 2 or not array.size:
        raise InputError(
            f"{name} must be a non-empty 2-D array. Received: {name}.shape={array.shape}"
        )
    finite = np.isfinite(array)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise InputError(
            f"{name} must be finite. Received: {array[row, column]} in row {row}, column {column}"
        )
    array.setflags(write=False)
    return array
