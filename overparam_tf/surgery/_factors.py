"""One weight of one layer made a product of factors, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.layers import Layer

from overparam_tf.layers.skip_init import initialization_is_skipped
from overparam_tf.products import MATRIX, Product, kernel_penalty, multiplied, product
from overparam_tf.surgery import _tracking
from overparam_tf.surgery._places import Place, places_of, put, read
from overparam_tf.surgery._splits import Split

# The attribute of a layer in which its `Factorisation`s are.
ATTRIBUTE = "_overparam_tf_products"


@dataclasses.dataclass(frozen=True, eq=False)
class Factorisation:
    """A weight of a layer that is a product.

    Attributes:
        place: Where the layer holds it.
        split: How its values are split.
        product: The product.
        name: Name of the variable that it stands for.
        was_trainable: Whether the layer created that variable as trainable.
        was_trained: Whether that variable was trainable when it became the product.
        options: Further arguments with which that variable is created.
    """

    place: Place
    split: Split
    product: Product
    name: str
    was_trainable: bool
    was_trained: bool
    options: dict[str, Any]


def factorisations(layer: Layer) -> list[Factorisation]:
    """Return the weights of a layer, not those of layers inside it, that are products."""
    return vars(layer).get(ATTRIBUTE, [])


def factorise(
    layer: Layer,
    place: Place,
    split: Split,
    around: Sequence[Layer],
    values: Sequence[np.ndarray] | None = None,
) -> Factorisation:
    """Make a weight of a built layer the product of factors.

    Args:
        layer: The layer that created the weight.
        place: Where the layer holds it.
        split: How it is split.
        around: All layers that may hold or track the same variable.
        values: Values of the factors; default None, those of the split.

    Raises:
        InputError: If it cannot be split so.
    """
    variable = read(layer, place)
    initial = _initial_values(variable, split, values)
    was_trainable = any(own is variable for own in layer._trainable_variables)
    options = {"dtype": variable.dtype, "aggregation": variable.aggregation}
    factors = []
    with _tracking.unlocked(layer):
        for j, shape in enumerate(split.shapes(tuple(variable.shape))):
            factor = layer.add_weight(
                name=f"{variable.name}_factor_{j + 1}",
                shape=shape,
                initializer=initial(j),
                trainable=was_trainable,
                **options,
            )
            factors.append(factor)
            _tracking.follow(layer, factor.name, factor)
    whole = _product_for(variable, factors, split)
    record = Factorisation(
        place, split, whole, variable.name, was_trainable, variable.trainable, options
    )
    _exchange(around, variable, whole, [variable], factors)
    if split.base:
        _freeze(variable, whole, layer, around)
    else:
        whole.trainable = variable.trainable
    vars(layer)[ATTRIBUTE] = [*factorisations(layer), record]
    return record


def merge(layer: Layer, record: Factorisation, around: Sequence[Layer]) -> keras.Variable:
    """Make a product of a layer the variable that it was, with the product as its value.

    Args:
        layer: The layer that has the product.
        record: The product.
        around: All layers that may hold it or track its factors.
    """
    whole = record.product
    value = whole.numpy()
    with _tracking.unlocked(layer):
        variable = layer.add_weight(
            name=record.name,
            shape=tuple(whole.shape),
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(value, dtype=dtype),
            trainable=record.was_trainable,
            **record.options,
        )
    variable._path = whole.path  # as it was, wherever the layer stands now
    variable.regularizer = whole.regularizer
    variable.trainable = record.was_trained if whole.base is not None else whole.trainable
    _exchange(around, whole, variable, whole.variables, [variable])
    for factor in whole.factors:
        _tracking.follow(layer, factor.name, None)
    _tracking.follow(layer, _base_name(record.name), None)
    left = [other for other in factorisations(layer) if other is not record]
    if left:
        vars(layer)[ATTRIBUTE] = left
    else:
        del vars(layer)[ATTRIBUTE]
    return variable


def _product_for(variable: keras.Variable, factors: list[Any], split: Split) -> Product:
    """Return the product of factors that stands for a variable."""
    shape = tuple(variable.shape)
    whole = Product(
        factors,
        compose=lambda factors: split.axes.restored(product(factors), shape),
        split=split.values,
        shape=shape,
        name=variable.name,
        path=variable.path,
        base=variable if split.base else None,
        multiply=multiplied if split.axes == MATRIX and len(shape) == 2 else None,
    )
    whole.regularizer = variable.regularizer
    if variable.regularizer is not None:
        factors[0].regularizer = Penalty(whole)
    return whole


def _freeze(base: keras.Variable, whole: Product, layer: Layer, around: Sequence[Layer]) -> None:
    """Let the layers that track the factors of an adapter track its base as never trainable."""
    base.trainable = False
    for other in around:
        if _tracking.tracks(other, whole.factors[0]):
            _tracking.add_frozen(other, base)
    _tracking.follow(layer, _base_name(whole.name), base)


def _base_name(name: str) -> str:
    return f"{name}_base"


class Penalty:
    """The penalty on a product, attached to its first factor.

    So Keras counts it once, in the dtype of the variables, as it does with a plain kernel.
    """

    def __init__(self, whole: Product) -> None:
        self.whole = whole

    def __call__(self, factor: Any) -> Any:
        whole = self.whole
        if whole.base is not None:
            return whole.regularizer(whole.value)
        return kernel_penalty(whole.regularizer, whole.factors, lambda: whole.value)


def _initial_values(
    variable: keras.Variable, split: Split, known: Sequence[np.ndarray] | None
) -> Callable[[int], Any]:
    """Return, for a factor's number from 0, its initializer: its part of the variable's value.

    In a symbolic call Keras builds layers whose variables have no value yet. Then the factors get
    theirs when the variable has its own; until then, they are zero.
    """
    if known is None and initialization_is_skipped():
        return lambda j: "zeros"
    found: list[np.ndarray] = [] if known is None else list(known)

    def values() -> list[np.ndarray] | None:
        if not found and getattr(variable, "_value", None) is not None:
            found.extend(split.values_of(variable))
        return found

    def initializer(j: int) -> Callable[..., Any]:
        def part(shape: Sequence[int], dtype: Any = None) -> Any:
            parts = values()
            return ops.cast(parts[j], dtype) if parts else ops.zeros(shape, dtype)

        return part

    return initializer


def _exchange(
    around: Sequence[Layer], old: Any, new: Any, old_tracked: list, new_tracked: list
) -> None:
    """Put `new` wherever a layer holds `old`, and let it track the one's variables for the other's.

    Layers that track the same variable, such as SpectralNormalization and the layer inside it,
    track the same factors.
    """
    for layer in around:
        if _tracking.tracks(layer, old_tracked[0]):
            _tracking.replace(layer, old_tracked, new_tracked)
        for place in places_of(layer, old):
            put(layer, place, new)
            if place.key is None:
                followed = new if _tracking.tracks(layer, new) else None
                _tracking.follow(layer, place.attribute, followed)
