"""Arguments that hold one object for all factors of a layer, or a list of one for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from overparam_tf.errors import InputError


def resolve_for_factors(
    get: Callable[[Any, str], Any], name: str, identifiers: Any, depth: int
) -> Any:
    """Return the object that Keras knows by an identifier, a list of N of them, or None for None.

    Args:
        get: The function of an identifier and the argument's name that returns the object.
        name: The argument's name, for the message.
        identifiers: An identifier, a list of N or None.
        depth: Number of factors N.

    Raises:
        InputError: If a list has another length, or Keras does not know an identifier.

    Example:
        >>> from overparam_tf import initializers
        >>> objects = resolve_for_factors(initializers.get, "factors", ["ones", "zeros"], 2)
        >>> [type(entry).__name__ for entry in objects]
        ['Ones', 'Zeros']
    """
    if identifiers is None:
        return None
    if not isinstance(identifiers, (list, tuple)):
        return get(identifiers, name)
    if len(identifiers) != depth:
        raise InputError(
            f"Expected one object for all factors or a list of depth = {depth}. "
            f"Received: {name} of length {len(identifiers)}"
        )
    return [get(identifier, name) for identifier in identifiers]


def serialize(objects: Any, serialize_one: Callable[[Any], Any]) -> Any:
    """Return the config of an object of a layer, or the configs of a list of them.

    Args:
        objects: What `resolve_for_factors` returned.
        serialize_one: Returns the config of one object, or of None.

    Example:
        >>> serialize(["a", "b"], str.upper)
        ['A', 'B']
    """
    if isinstance(objects, list):
        return [serialize_one(entry) for entry in objects]
    return serialize_one(objects)
