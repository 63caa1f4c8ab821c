"""The variables of a layer with products in checkpoints: factors, or the kernels of before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from overparam_tf.errors import InputError
from overparam_tf.products import Product
from overparam_tf.surgery import _tracking
from overparam_tf.surgery._entries import tracked_products


class SavedFactors:
    """The part of a layer's class that writes factors to checkpoints and reads them.

    It also reads the checkpoint of the plain layer, whose kernels it splits.
    """

    def save_own_variables(self, store: Any) -> None:
        """Save the factors, and everything else as the plain layer does."""
        products = tracked_products(self)
        if not products:
            super().save_own_variables(store)  # type: ignore[misc]
            return
        for key, value in self._plain_entries(products).items():
            if not any(value is product for product in products):
                store[key] = value
        for product, name in zip(products, _names(products), strict=True):
            for key, variable in _parts(product, name).items():
                store[key] = variable

    def load_own_variables(self, store: Any) -> None:
        """Load factors, or the checkpoint of a plain layer."""
        products = tracked_products(self)
        names = _names(products)
        keys = set(store.keys())
        if not any(f"{name}.factor_1" in keys for name in names):
            with _tracking.shown(self, _stand_ins(products)):
                super().load_own_variables(store)  # type: ignore[misc]
            return
        plain: dict[str, Any] = {key: store[key] for key in keys if not _is_part(key, names)}
        for key, value in self._plain_entries(products).items():
            if any(value is product for product in products):
                plain[key] = np.broadcast_to(np.float32(0), tuple(value.shape))
        with _tracking.shown(self, _stand_ins(products)), _unassigned(products):
            super().load_own_variables(plain)  # type: ignore[misc]
        for product, name in zip(products, names, strict=True):
            _load_parts(product, name, store, keys)

    def set_weights(self, weights: list[Any]) -> None:
        """Set all weights from a list, of the factors or of the plain layer."""
        shapes = [tuple(np.shape(value)) for value in weights]
        if shapes == [tuple(weight.shape) for weight in self.weights]:  # type: ignore[attr-defined]
            super().set_weights(weights)  # type: ignore[misc]
            return
        with contextlib.ExitStack() as stack:
            for layer in self._flatten_layers():  # type: ignore[attr-defined]
                stack.enter_context(_tracking.shown(layer, _stand_ins(tracked_products(layer))))
            super().set_weights(weights)  # type: ignore[misc]

    def _plain_entries(self, products: Sequence[Product]) -> dict[str, Any]:
        """Return what the plain layer saves, with products in the place of kernels."""
        plain: dict[str, Any] = {}
        with _tracking.shown(self, _stand_ins(products)):
            super().save_own_variables(plain)  # type: ignore[misc]
        return plain


def _stand_ins(products: Sequence[Product]) -> list[tuple[list[Any], Product]]:
    return [(product.variables, product) for product in products]


@contextlib.contextmanager
def _unassigned(products: Sequence[Product]) -> Iterator[None]:
    """Let products ignore what they are assigned."""
    for product in products:
        product.ignores_values = True
    try:
        yield
    finally:
        for product in products:
            product.ignores_values = False


def _load_parts(product: Product, name: str, store: Any, keys: set[str]) -> None:
    parts = _parts(product, name)
    saved = {key for key in keys if _is_part(key, [name])}
    if saved != parts.keys():
        raise InputError(
            f"Expected a checkpoint with {_described(set(parts))} of {product.path!r}. "
            f"Received: one with {_described(saved)}"
        )
    for key, variable in parts.items():
        variable.assign(store[key])


def _parts(product: Product, name: str) -> dict[str, Any]:
    """Return the variables of a product by their keys in a checkpoint."""
    parts = {f"{name}.factor_{j + 1}": factor for j, factor in enumerate(product.factors)}
    return parts if product.base is None else {**parts, f"{name}.base": product.base}


def _is_part(key: str, names: Sequence[str]) -> bool:
    name, _, part = key.rpartition(".")
    return name in names and (part == "base" or part.removeprefix("factor_").isdigit())


def _described(keys: set[str]) -> str:
    bases = sum(key.endswith(".base") for key in keys)
    return f"{len(keys) - bases} factors" + (" and a frozen base" if bases else "")


def _names(products: Sequence[Product]) -> list[str]:
    """Return the name of each product in its layer, numbered where several have the same."""
    names: list[str] = []
    for product in products:
        name, count = product.name, 1
        while name in names:
            count += 1
            name = f"{product.name}_{count}"
        names.append(name)
    return names
