"""The products that stand for weights of a model."""

from __future__ import annotations

import keras

from overparam_tf.products import MatrixAxes, Product
from overparam_tf.surgery._factors import Factorisation, factorisations


def products_of(model: keras.Model) -> list[Product]:
    """Return the products that `overparameterize` put in place of weights, in the model's order.

    Args:
        model: A model of any kind, changed in place.

    Example:
        >>> from overparam_tf import overparameterize
        >>> model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2, name="head")])
        >>> [tuple(product.shape) for product in products_of(overparameterize(model, depth=3))]
        [(5, 2)]
    """
    return [record.product for record in _records(model)]


def axes_of_products(model: keras.Model) -> list[MatrixAxes]:
    """Return which axes of each of these products are inputs and which are outputs.

    Args:
        model: A model of any kind, changed in place.

    Example:
        >>> from overparam_tf import overparameterize
        >>> model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2, name="head")])
        >>> axes_of_products(overparameterize(model))
        [MatrixAxes(inputs=(0,), outputs=(1,))]
    """
    return [record.split.axes for record in _records(model)]


def _records(model: keras.Model) -> list[Factorisation]:
    return [record for layer in model._flatten_layers() for record in factorisations(layer)]
