"""Tensors of any backend as arrays, and their comparison."""

import numpy as np
from keras import ops

from tests.backends import ROUNDING

array = ops.convert_to_numpy


def assert_close(actual, expected):
    """Compare two arrays in units of the largest expected entry."""
    actual, expected = array(actual), array(expected)
    np.testing.assert_allclose(
        actual, expected, rtol=0, atol=ROUNDING * max(1, np.abs(expected).max(initial=0))
    )


def randomised(layer, input_shape, seed=0):
    """Build a layer and give it weights of order one, none of them zero."""
    layer.build(input_shape)
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.weights])
    return layer


def as_plain(layer, input_shape):
    """Return the plain Keras layer with the kernel and bias of a factorised one."""
    plain = layer.plain_layer()
    plain.build(input_shape)
    bias = layer.end_to_end_bias
    plain.set_weights([array(layer.kernel)] + ([] if bias is None else [array(bias)]))
    return plain
