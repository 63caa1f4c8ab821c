"""Layers that are built only to be given their weights: no kernel is drawn and split for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_FOLLOW: ContextVar[bool] = ContextVar("skip_initialization", default=False)


@contextlib.contextmanager
def skip_initialization() -> Iterator[None]:
    """Let layers with a ``kernel_initializer`` start from zeros: whoever builds them assigns all their weights.

    A kernel is split by an SVD, which for a large one takes seconds.

    Example:
        >>> from overparam_tf.layers import FactorizedDense
        >>> layer = FactorizedDense(2, kernel_initializer="ones")
        >>> with skip_initialization():
        ...     layer.build((None, 3))
        >>> float(layer.factors[0][0, 0])
        0.0
    """
    token = _FOLLOW.set(True)
    try:
        yield
    finally:
        _FOLLOW.reset(token)


def initialization_is_skipped() -> bool:
    """Tell whether a layer is being built within `skip_initialization`.

    Example:
        >>> initialization_is_skipped()
        False
    """
    return _FOLLOW.get()
