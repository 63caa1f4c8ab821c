"""A context in which layers are built without drawing and splitting a kernel."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_SKIPPED: ContextVar[bool] = ContextVar("skip_initialization", default=False)


@contextlib.contextmanager
def skip_initialization() -> Iterator[None]:
    """Let layers with a `kernel_initializer` start from zeros, for a caller that assigns weights.

    A kernel is split by an SVD, which takes seconds for a large one.

    Example:
        >>> from overparam_tf.layers import FactorizedDense
        >>> layer = FactorizedDense(2, kernel_initializer="ones")
        >>> with skip_initialization():
        ...     layer.build((None, 3))
        >>> float(layer.factors[0][0, 0])
        0.0
    """
    token = _SKIPPED.set(True)
    try:
        yield
    finally:
        _SKIPPED.reset(token)


def initialization_is_skipped() -> bool:
    """Return whether a layer is being built within `skip_initialization`.

    Example:
        >>> initialization_is_skipped()
        False
    """
    return _SKIPPED.get()
