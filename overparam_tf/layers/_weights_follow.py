"""Layers that are built only to be given their weights: no kernel is drawn and split for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_FOLLOW: ContextVar[bool] = ContextVar("weights_follow", default=False)


@contextlib.contextmanager
def weights_follow() -> Iterator[None]:
    """Let layers with a ``kernel_initializer`` start from zeros: whoever builds them assigns all their weights.

    A kernel is split by an SVD, which for a large one takes seconds.

    Example:
        >>> from overparam_tf.layers import FactorizedDense
        >>> layer = FactorizedDense(2, kernel_initializer="ones")
        >>> with weights_follow():
        ...     layer.build((None, 3))
        >>> float(layer.factors[0][0, 0])
        0.0
    """
    token = _FOLLOW.set(True)
    try:
        yield
    finally:
        _FOLLOW.reset(token)


def weights_will_follow() -> bool:
    """Tell whether a layer is being built within `weights_follow`.

    Example:
        >>> weights_will_follow()
        False
    """
    return _FOLLOW.get()
