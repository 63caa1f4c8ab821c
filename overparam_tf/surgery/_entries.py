"""The products of a layer and of the layers inside it, as entries of its config."""

from __future__ import annotations

from typing import Any

from keras.layers import Layer

from overparam_tf.layers.factorized_layer import FactorizedLayer
from overparam_tf.products import Product
from overparam_tf.surgery import _tracking
from overparam_tf.surgery._factors import factorisations
from overparam_tf.surgery._places import Place, contents

# The attribute of a layer in which the entries wait until it has weights.
PENDING = "_overparam_tf_pending"
Entry = dict[str, Any]


def entries(layer: Layer) -> list[Entry]:
    """Return the entries of all products in a layer and in the layers inside it.

    An entry says in which layer the product is, as a number within `_flatten_layers`, at which
    place of it, and how it is split; or that it is the product of another layer.
    """
    if PENDING in vars(layer):
        return vars(layer)[PENDING]
    found: list[Entry] = []
    for number, inner in enumerate(layer._flatten_layers()):
        where = {"layer": number, "class": type(inner).__name__}
        for record in factorisations(inner):
            split = record.split
            how = {
                "inputs": list(split.axes.inputs),
                "outputs": list(split.axes.outputs),
                "depth": split.depth,
                "width": split.width,
                "initializer": split.initializer,
                "base": split.base,
                "was_trained": record.was_trained,
                "trainable": record.product.trainable,
            }
            found.append({**where, "place": list(record.place), **how})
        found += [{**where, "place": list(place), "shared": True} for place in shared_places(inner)]
        found += [{**entry, **where} for entry in vars(inner).get(PENDING, [])]
    return found


def tracked_products(layer: Layer) -> list[Product]:
    """Return the products that a layer holds and whose factors it tracks, also another layer's.

    The kernel that a factorised layer is built with is none of them: its class saves it.
    """
    found: list[Product] = [record.product for record in factorisations(layer)]
    built_with = layer._kernel if isinstance(layer, FactorizedLayer) and layer.built else None
    for _, held in contents(layer):
        known = any(held is product for product in [built_with, *found])
        if isinstance(held, Product) and not known and _tracking.tracks(layer, held.factors[0]):
            found.append(held)
    return found


def shared_places(layer: Layer) -> list[Place]:
    """Return the places of a layer that hold a product of another layer."""
    own = [record.product for record in factorisations(layer)]
    others = [p for p in tracked_products(layer) if not any(p is product for product in own)]
    return [place for place, held in contents(layer) if any(held is product for product in others)]
