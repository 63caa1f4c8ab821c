"""One weight of one layer made a product of factors, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.layers import Layer

from overparam_tf import initializers
from overparam_tf._shapes import Width, factor_shapes
from overparam_tf.layers.skip_init import initialization_is_skipped
from overparam_tf.products import MatrixAxes, Product, product, split_matrix
from overparam_tf.surgery import _tracking
from overparam_tf.surgery._places import Place, places_of, put, read

# The attribute of a layer in which its `Factorisation`s are.
ATTRIBUTE = "_overparam_tf_products"


@dataclasses.dataclass(frozen=True)
class Split:
    """How a kernel is split into factors.

    Attributes:
        inputs: Axes of the kernel that its layer sums over; the others are those of the output.
        depth: Number of factors N >= 1.
        width: Inner dimensions, as in `overparameterize`.
        initializer: A name out of `overparam_tf.initializers.SPLITS`.
        noise: Standard deviation of noise on the factors, relative to the root mean square of each.
        seed: Seed of the noise.
    """

    inputs: tuple[int, ...]
    depth: int = 2
    width: Width = None
    initializer: str = "balanced"
    noise: float = 0.0
    seed: int | None = None

    def values_of(self, variable: keras.Variable) -> list[np.ndarray]:
        """Return the values of the factors for a variable."""
        return self.values(ops.convert_to_numpy(variable))

    def values(self, kernel: Any) -> list[np.ndarray]:
        """Return the values of the factors for a kernel, an array or a tensor."""
        axes = MatrixAxes.from_inputs(self.inputs, len(kernel.shape))
        parts = split_matrix(axes.matrices(kernel), self.depth, self.width, self.initializer)
        if not self.noise:
            return parts
        normal = keras.initializers.RandomNormal(stddev=1.0, seed=self.seed)
        return [
            part
            + self.noise
            * np.sqrt(np.mean(part**2))
            * initializers.draw(initializers.per_factor(normal, j), part.shape, "float32")
            for j, part in enumerate(parts)
        ]


@dataclasses.dataclass(frozen=True, eq=False)
class Factorisation:
    """A weight of a layer that is a product.

    Attributes:
        place: Where the layer holds it.
        split: How its values are split.
        product: The product.
        name: Name of the variable that it stands for.
        was_trainable: Whether the layer created that variable as trainable.
        options: Further arguments with which that variable is created.
    """

    place: Place
    split: Split
    product: Product
    name: str
    was_trainable: bool
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
    shape = tuple(variable.shape)
    axes = MatrixAxes.from_inputs(split.inputs, len(shape))
    initial = _initial_values(variable, split, values)
    was_trainable = any(own is variable for own in layer._trainable_variables)
    options = {"dtype": variable.dtype, "aggregation": variable.aggregation}
    factors = []
    with _tracking.unlocked(layer):
        for j, sizes in enumerate(factor_shapes(axes.sizes(shape), split.depth, split.width)):
            factor = layer.add_weight(
                name=f"{variable.name}_factor_{j + 1}",
                shape=sizes,
                initializer=initial(j),
                trainable=was_trainable,
                **options,
            )
            factors.append(factor)
            _tracking.follow(layer, factor.name, factor)
    whole = Product(
        factors,
        compose=lambda factors: axes.restored(product(factors), shape),
        split=split.values,
        shape=shape,
        name=variable.name,
        path=variable.path,
    )
    whole.regularizer = variable.regularizer
    if variable.regularizer is not None:
        factors[0].regularizer = Penalty(whole)
    whole.trainable = variable.trainable
    _exchange(around, variable, whole, [variable], factors)
    record = Factorisation(place, split, whole, variable.name, was_trainable, options)
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
    variable.trainable = whole.trainable
    _exchange(around, whole, variable, whole.factors, [variable])
    for factor in whole.factors:
        _tracking.follow(layer, factor.name, None)
    left = [other for other in factorisations(layer) if other is not record]
    if left:
        vars(layer)[ATTRIBUTE] = left
    else:
        del vars(layer)[ATTRIBUTE]
    return variable


class Penalty:
    """The penalty on a product, attached to its first factor.

    So Keras counts it once, in the dtype of the variables, as it does with a plain kernel.
    """

    def __init__(self, whole: Product) -> None:
        self.whole = whole

    def __call__(self, factor: Any) -> Any:
        return self.whole.regularizer(self.whole.value)


def _initial_values(
    variable: keras.Variable, split: Split, given: Sequence[np.ndarray] | None
) -> Callable[[int], Any]:
    """Return, for a factor's number from 0, its initializer: its part of the variable's value.

    In a symbolic call Keras builds layers whose variables have no value yet. Then the factors get
    theirs when the variable has its own; until then, they are zero.
    """
    if given is None and initialization_is_skipped():
        return lambda j: "zeros"
    found: list[np.ndarray] = [] if given is None else list(given)

    def values() -> list[np.ndarray] | None:
        if not found and getattr(variable, "_value", None) is not None:
            found.extend(split.values_of(variable))
        return found

    def initializer(j: int) -> Callable[..., Any]:
        def part(shape: Sequence[int], dtype: Any = None) -> Any:
            known = values()
            return ops.cast(known[j], dtype) if known else ops.zeros(shape, dtype)

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
