"""One regression problem, ready to train on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from overparam_tf.checks import boolean, instance_of, one_of, optional, real_matrix, text
from overparam_tf.datasets.observations import compressed_rows, observed_labels
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
        unobserved: The labels that are not observed, over which no loss is taken: True for those
            that are NaN in y, or a mask of shape (n, k) that is True there. Default False, all are
            observed, and NaN is an error. Numbers under a mask are held out, see `held_out`. Read
            from the problem it is a read-only mask, or False if every label is observed.
        held_out: A problem with the same numbers of features and outputs, on which a sweep takes
            the test loss at the steps of its curves; default None, the labels that a mask hides, or
            no test loss if it hides no number. In y itself they are NaN.

    Raises:
        InputError: If x or y is no matrix of finite numbers or is empty, their rows differ in
            number, the name is empty, or the preprocessing is unknown; if no label is observed; or
            if `held_out` has other features or outputs, or stands beside labels that a mask hides.

    Example:
        >>> import numpy as np
        >>> x, y = np.eye(2), np.ones((2, 1))
        >>> problem = Problem("toy", x, y, "written by hand", "none", synthetic=False)
        >>> problem
        Problem(toy (2 x 2, none))
        >>> problem.x.flags.writeable
        False

        Matrix completion: the kernel itself is observed, in part.

        >>> matrix, mask = np.array([[1.0, 2.0], [3.0, 4.0]]), [[False, True], [False, False]]
        >>> problem = Problem("matrix", x, matrix, "by hand", "none", False, unobserved=mask)
        >>> problem
        Problem(matrix (2 x 2, 3 of 4 labels observed, none))
        >>> problem.y.tolist(), problem.held_out.y.tolist()
        ([[1.0, nan], [3.0, 4.0]], [[nan, 2.0], [nan, nan]])
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    provenance: str
    preprocessing: str
    synthetic: bool
    # No `Any`: the pages of the API look it up where a subclass stands.
    unobserved: object = False
    held_out: Problem | None = None

    def __post_init__(self) -> None:
        text("name", self.name, empty=False)
        text("provenance", self.provenance)
        one_of("preprocessing", self.preprocessing, PREPROCESSINGS)
        boolean("synthetic", self.synthetic)
        x = real_matrix("x", self.x)
        y, unobserved, hidden = observed_labels(self.y, self.unobserved)
        for name, value in (("x", x), ("y", y), ("unobserved", unobserved)):
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)
        if len(x) != len(y):
            raise input_error(
                "the same number of rows in x and y", **{"x.shape": x.shape, "y.shape": y.shape}
            )
        self._check_held_out(hidden)

    def _check_held_out(self, hidden: np.ndarray | None) -> None:
        """Check the held-out problem, or make it from labels that a mask hides, NaN elsewhere."""
        optional("held_out", self.held_out, lambda name, value: instance_of(name, value, Problem))
        if hidden is not None:
            if self.held_out is not None:
                raise input_error(
                    "NaN in y under the mask, or no held_out beside the numbers there",
                    held_out=self.held_out,
                )
            held_out = replace(
                self, name=f"{self.name}-held-out", y=hidden, unobserved=True, held_out=None
            )
            object.__setattr__(self, "held_out", held_out)
        if self.held_out is not None:
            expected, received = (
                (problem.features, problem.outputs) for problem in (self, self.held_out)
            )
            if expected != received:
                raise input_error(
                    f"{expected[0]} features and {expected[1]} outputs in held_out",
                    held_out=self.held_out,
                )

    @property
    def observed(self) -> np.ndarray:
        """Return which labels are observed, a mask of shape (n, k)."""
        if self.unobserved is False:
            return np.ones(self.y.shape, bool)
        return np.logical_not(np.asarray(self.unobserved))

    @property
    def observations(self) -> int:
        """Return the number of observed labels, over which a loss is the mean."""
        return self.y.size if self.unobserved is False else int(self.observed.sum())

    @property
    def known_labels(self) -> np.ndarray:
        """Return the observed labels: y itself if all are, otherwise one after the other."""
        return self.y if self.unobserved is False else self.y[self.observed]

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
        return f"{stand_in}{self.name} ({self._size}, {self.preprocessing})"

    @property
    def _size(self) -> str:
        """Return the size as the label says it, with the observed labels if some are not."""
        size = f"{self.rows} x {self.features}"
        if self.unobserved is False:
            return size
        return f"{size}, {self.observations:,} of {self.y.size:,} labels observed"

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
            **self._describe_held_out(),
        }

    def _describe_held_out(self) -> dict[str, Any]:
        described: dict[str, Any] = {}
        if self.unobserved is not False:
            described["observed"] = self.observations
        if self.held_out is not None:
            described["held_out"] = self.held_out.checksum
        return described

    def __repr__(self) -> str:
        return f"Problem({self.label})"

    def compressed(self) -> Problem:
        r"""Return a problem of m = d + k rows with the same mean squared error, exactly.

        With the QR factorisation `[X y] = Q R` (R of shape (m, m), Q^T Q = I), any kernel K (d, k)
        has

            [X y] [K; -I] = Q (R [K; -I]),   so   ||X K - y||^2 = ||R [K; -I]||^2.

        The rows of `sqrt(m/n) R` are the new x (first d columns) and y (last k): the mean of e^2
        over m rows then equals the mean over n rows, and so does its gradient in K.

        Where labels are unobserved, rows with the same observed outputs are replaced together, in
        d + (number of these outputs) rows; rows without a label are left out.

        This holds for p = 2 only, and only for models without a bias: a bias adds the same number
        to every row, and the new rows are mixtures of the old ones. (For z-scored columns the
        optimal bias is 0.)

        Returns:
            A Problem named NAME-compressed; this same problem if there are no fewer rows, such as
            for no more than d + k rows.

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
        rows = compressed_rows(self.x, self.y, self.observed)
        if rows is None:
            return self
        x, y = rows
        unobserved = self.unobserved is not False
        name = f"{self.name}-compressed"
        return replace(self, name=name, x=x, y=y, unobserved=unobserved)
