"""The order of multiplication against a brute-force count of multiply-adds."""

import itertools
import math

import numpy as np
import pytest
from keras import ops

from overparam_tf.products import kernel_pays_above, product

SIZES = [
    [5, 3],
    [128, 1, 1],
    [128, 10, 10],
    [10, 10, 128],
    [64, 64, 64, 64],
    [7, 9, 3, 8],
    [100, 3, 100],
    [30, 40, 2, 50, 6],
]


def step_cost(sizes, rows, first):
    """Return the multiply-adds of a training step, product by product.

    The gradient with respect to the layer's input counts half.
    """
    if first == "chain":
        products = [(rows, a, b) for a, b in itertools.pairwise(sizes)]
    else:
        left = [(sizes[0], a, b) for a, b in itertools.pairwise(sizes[1:])]
        right = [(a, b, sizes[-1]) for a, b in itertools.pairwise(sizes[:-1])]
        products = min(left, right, key=lambda ps: sum(map(math.prod, ps)))
        products = [*products, (rows, sizes[0], sizes[-1])]
    into_data = next(p for p in products if p[0] == rows and p[1] == sizes[0])
    return 3 * sum(map(math.prod, products)) - math.prod(into_data) / 2


@pytest.mark.parametrize("sizes", SIZES)
def test_the_kernel_goes_first_exactly_where_it_is_cheaper(sizes):
    threshold = kernel_pays_above(sizes)
    for rows in {1, 10, 1000, 10**6, *([threshold, threshold + 1] if threshold < math.inf else [])}:
        if rows not in sizes:  # `step_cost` recognises the data by its number of rows
            cheaper = step_cost(sizes, rows, "kernel") < step_cost(sizes, rows, "chain")
            assert (rows > threshold) == cheaper, (rows, threshold)


@pytest.mark.parametrize("sizes", SIZES)
def test_product(sizes):
    rng = np.random.default_rng(0)
    factors = [rng.normal(size=shape) for shape in itertools.pairwise(sizes)]
    tensors = [ops.convert_to_tensor(factor, "float64") for factor in factors]
    expected = np.eye(sizes[0])
    for factor in factors:
        expected = expected @ factor
    np.testing.assert_allclose(ops.convert_to_numpy(product(tensors)), expected, rtol=1e-10)
