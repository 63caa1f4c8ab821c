"""The user's model at one depth, and the numbers from which it starts at each seed."""

from __future__ import annotations

import contextlib
import random
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from overparam_tf._shapes import Width
from overparam_tf.errors import InputError
from overparam_tf.initializers import factor_seed, with_seed
from overparam_tf.products import MatrixAxes, Product
from overparam_tf.surgery import axes_of_products, overparameterize, products_of

START_SEED = 7919  # apart from the seeds that draw the plain model


@dataclass(frozen=True)
class Recipe:
    """How the models of a comparison are made.

    Attributes:
        build: Returns the plain model.
        sample: One row of inputs, on which a model that is not built yet is called.
        layers: The layers to convert, see `overparameterize`.
        width: Inner dimensions, see `overparameterize`.
        prepare: Called with each model and its depth after conversion; None for nothing.
        has_factors: Whether depth makes products; otherwise models stay plain.
    """

    build: Callable[[], keras.Model]
    sample: Any
    layers: Any = None
    width: Width = None
    prepare: Callable[[keras.Model, int], object] | None = None
    has_factors: bool = True

    def plain(self, seed: int) -> keras.Model:
        """Return the plain model of a seed, built.

        Raises:
            InputError: If `build` does not return a Keras model with weights.
        """
        with own_random_numbers(seed):
            model = self.build()
            if not isinstance(model, keras.Model):
                raise InputError(
                    "Expected build_model to return a Keras model. "
                    f"Received: {type(model).__name__}"
                )
            if not model.built:
                model(keras.tree.map_structure(ops.convert_to_tensor, self.sample))
        return model


@dataclass(frozen=True, eq=False)
class DeepModel:
    """A model at one depth.

    Attributes:
        model: The model.
        weights: For each variable of the plain model, in its order, what stands for it here: the
            variable itself, or a product.
        kernels: For each variable that stays plain where it would be a product, its path and which
            of its axes are inputs and outputs.
    """

    model: keras.Model
    weights: list[Any]
    kernels: dict[str, MatrixAxes] = field(default_factory=dict)

    @classmethod
    def make(cls, recipe: Recipe, depth: int, seed: int, quiet: bool = False) -> DeepModel:
        """Return the model of a depth.

        Args:
            recipe: How it is made.
            depth: Number of factors; 1 leaves the model plain.
            seed: Seed of its numbers.
            quiet: Whether `overparameterize` says nothing of weights that it leaves as they are.
        """
        model = recipe.plain(seed)
        plain = list(model.variables)
        with warnings.catch_warnings():
            if quiet:
                warnings.simplefilter("ignore", UserWarning)
            if depth > 1 and recipe.has_factors:
                overparameterize(model, depth, recipe.width, recipe.layers)
            kernels = {} if depth == 1 or recipe.has_factors else kernels_of(recipe, depth, model)
        if recipe.prepare is not None:
            recipe.prepare(model, depth)
        return cls(model, list(_successors(plain, model)), kernels)

    @property
    def products(self) -> list[Product]:
        """Return the products among the weights."""
        return [weight for weight in self.weights if isinstance(weight, Product)]

    def values(self) -> list[np.ndarray]:
        """Return the numbers of the plain model that computes the same function."""
        return [ops.convert_to_numpy(weight) for weight in self.weights]

    def assign(self, values: Sequence[np.ndarray]) -> None:
        """Take the numbers of a plain model, split into balanced factors where there are products.

        Raises:
            InputError: If they are of another model: `build_model` must return the same one for
                every seed.
        """
        shapes = [tuple(weight.shape) for weight in self.weights]
        if shapes != [value.shape for value in values]:
            raise InputError(
                "Expected build_model to return a model of the same weights each time. "
                f"Received: {len(values)} weights and then {len(shapes)}, or of other shapes"
            )
        for weight, value in zip(self.weights, values, strict=True):
            weight.assign(value)

    def draw_factors(self, seed: int) -> None:
        """Draw every factor as the plain kernel would be, from its layer's own initializer.

        The first factor has the seed's kernel where its shape is that of the kernel. This is the
        start of the paper's convnet: the product then is another function than the plain kernel.

        Raises:
            InputError: If a layer has no initializer for a kernel.
        """
        for number, (product, initializer) in enumerate(self._initializers()):
            kernel = product.numpy()
            for place, factor in enumerate(product.factors):
                if place == 0 and tuple(factor.shape) == kernel.shape:
                    factor.assign(kernel)
                else:
                    own_seed = factor_seed(START_SEED * (seed + 1) + number, place)
                    factor.assign(with_seed(initializer, own_seed)(factor.shape, factor.dtype))

    def _initializers(self) -> Iterator[tuple[Product, Any]]:
        known = {id(p): layer for layer in self.model._flatten_layers() for p in _held(layer)}
        for product in self.products:
            layer = known.get(id(product))
            name = f"{product.name}_initializer"
            found = getattr(layer, name, getattr(layer, "kernel_initializer", None))
            if found is None:
                raise InputError(
                    "Expected layers with a kernel_initializer for start='paper'; start='same' "
                    f"needs none. Received: {product.path}"
                )
            yield product, keras.initializers.get(found)


def kernels_of(recipe: Recipe, depth: int, model: keras.Model) -> dict[str, MatrixAxes]:
    """Return, by path, the axes of those variables of a plain model that would be products.

    Args:
        recipe: How the models are made.
        depth: Number of factors.
        model: The plain model.
    """
    # Layers have other names in every model, but the same order.
    twin = recipe.plain(0)
    plain = list(twin.variables)
    overparameterize(twin, depth, layers=recipe.layers)
    pairs = zip(products_of(twin), axes_of_products(twin), strict=True)
    axes = {id(product): one for product, one in pairs}
    successors = zip(model.variables, _successors(plain, twin), strict=True)
    return {variable.path: axes[id(found)] for variable, found in successors if id(found) in axes}


def _held(layer: Any) -> list[Product]:
    return [value for value in vars(layer).values() if isinstance(value, Product)]


def _successors(plain: Sequence[Any], model: keras.Model) -> Iterator[Any]:
    """Yield what stands for each variable of the plain model after its conversion."""
    kept = {id(variable) for variable in model.variables}
    products = defaultdict(list)
    for product in products_of(model):
        products[product.path].append(product)
    for variable in plain:
        yield variable if id(variable) in kept else products[variable.path].pop(0)


@contextlib.contextmanager
def own_random_numbers(seed: int) -> Iterator[None]:
    """Open a block with the seed of `keras.utils.set_random_seed`.

    The states of Python's and NumPy's own generators are put back at its end; that of the backend
    stays.
    """
    python, numpy = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
