"""Products composed once for several readings, such as those of a layer that loops over time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

# The values of products that are composed already, by `id`. Replicas of a strategy, which are
# threads, each have their own.
_NONE: Mapping[int, Any] = MappingProxyType({})
_COMPOSED = ContextVar("composed", default=_NONE)


@contextlib.contextmanager
def composed_once(products: Iterable[Any]) -> Iterator[None]:
    """Compose products now, and read them as these tensors within the block.

    Within a loop of a compiled function each reading would multiply the factors again.

    Example:
        >>> import keras
        >>> from overparam_tf.products import Product, product
        >>> factors = [keras.Variable([[2.0]]), keras.Variable([[3.0]])]
        >>> kernel = Product(factors, product, split=None, shape=(1, 1))
        >>> with composed_once([kernel]):
        ...     kernel.value is kernel.value
        True
        >>> kernel.value is kernel.value
        False
    """
    values = {id(product): product.value for product in products}
    token = _COMPOSED.set({**_COMPOSED.get(), **values})
    try:
        yield
    finally:
        _COMPOSED.reset(token)


def composed(product: Any) -> Any:
    """Return the value of a product that is composed already, None for any other."""
    return _COMPOSED.get().get(id(product))
