"""All layers of a model of any kind, by paths of names."""

from __future__ import annotations

from collections.abc import Iterator

import keras
from keras.layers import Layer


def all_layers(model: Layer) -> dict[str, Layer]:
    """Return a layer and all layers inside it by path, the outermost by its own name.

    A shared layer has more than one path. Where two layers have the same path, as two unnamed ones
    of a subclassed model can, the later one gets a number behind it.

    Example:
        >>> inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")])
        >>> wrapped = keras.layers.TimeDistributed(inner, name="wrapped")
        >>> wrapped.build((None, 4, 3))
        >>> list(all_layers(wrapped))[-1].split("/")[-1]
        'dense'
    """
    layers: dict[str, Layer] = {model.name: model}
    for path, layer in _inside(model, "", (model,)):
        name, number = path, 2
        while layers.get(name, layer) is not layer:
            name, number = f"{path}_{number}", number + 1
        layers[name] = layer
    return layers


def _inside(holder: Layer, prefix: str, holders: tuple[Layer, ...]) -> Iterator[tuple[str, Layer]]:
    # The layers of a graph in its order; then those that it holds as attributes.
    ordered = [*holder.layers] if isinstance(holder, keras.Model) else []
    held = holder._flatten_layers(include_self=False, recursive=False)
    ordered += [layer for layer in held if not any(layer is other for other in ordered)]
    for layer in ordered:
        if isinstance(layer, keras.layers.InputLayer) or any(layer is own for own in holders):
            continue
        path = prefix + layer.name
        yield path, layer
        yield from _inside(layer, f"{path}/", (*holders, layer))
