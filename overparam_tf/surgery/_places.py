"""Where a layer holds a variable: the attribute, or the entry of a list or dictionary in one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from keras.layers import Layer

# What Keras and TensorFlow themselves keep of a layer's variables; `_tracking` changes it.
_TRACKED = ("_trainable_variables", "_non_trainable_variables", "_torch_params", "_self_")


class Place(NamedTuple):
    """A place in a layer.

    Attributes:
        attribute: Name of the attribute.
        key: Index or key in the list or dictionary that it holds; None for the attribute itself.
    """

    attribute: str
    key: int | str | None = None

    @property
    def label(self) -> str:
        """Return the place in one word, such as `"kernel"` or `"experts.2"`."""
        name = self.attribute.lstrip("_")
        return name if self.key is None else f"{name}.{self.key}"


def places_of(layer: Layer, value: Any) -> list[Place]:
    """Return the places at which a layer holds an object.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(2)
        >>> layer.build((None, 3))
        >>> places_of(layer, layer.kernel)
        [Place(attribute='_kernel', key=None)]
    """
    return [place for place, held in contents(layer) if held is value]


def contents(layer: Layer) -> Iterator[tuple[Place, Any]]:
    """Yield all places of a layer and what they hold."""
    for attribute, value in list(vars(layer).items()):
        if attribute.startswith(_TRACKED):
            continue
        yield Place(attribute), value
        if isinstance(value, (list, tuple)):
            yield from ((Place(attribute, key), held) for key, held in enumerate(value))
        elif isinstance(value, dict):
            yield from ((Place(attribute, key), held) for key, held in value.items())


def read(layer: Layer, place: Place) -> Any:
    """Return what a place holds, None if there is no such place."""
    held = vars(layer).get(place.attribute)
    if place.key is None:
        return held
    try:
        return held[place.key]
    except (IndexError, KeyError, TypeError):
        return None


def put(layer: Layer, place: Place, value: Any) -> None:
    """Put an object at a place, past Keras's tracking of attributes, lists and dictionaries."""
    attributes = vars(layer)
    if place.key is None:
        attributes[place.attribute] = value
        return
    held: Any = attributes[place.attribute]
    key: Any = place.key
    if isinstance(held, dict):
        dict.__setitem__(held, key, value)
    elif isinstance(held, list):
        list.__setitem__(held, key, value)
    else:
        changed = [value if key == place.key else old for key, old in enumerate(held)]
        attributes[place.attribute] = tuple(changed)
