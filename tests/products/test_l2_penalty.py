"""The squared norm of a product: value and steps of training against plain numpy."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from overparam_tf import FactorizedDense, FactorizedEinsumDense, overparameterize
from overparam_tf.products import squared_norm

# Narrow, square, wide, one output, three and four factors, a stack, one factor.
SHAPES = [
    [(20, 2), (2, 20)],
    [(6, 6), (6, 6)],
    [(3, 9), (9, 4)],
    [(30, 4), (4, 1)],
    [(12, 3), (3, 3), (3, 12)],
    [(9, 2), (2, 8), (8, 2), (2, 9)],
    [(2, 10, 2), (2, 2, 10)],
    [(4, 5)],
]


def drawn(shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


@pytest.mark.parametrize("shapes", SHAPES)
def test_it_is_the_sum_of_squares_of_the_product(shapes):
    factors = drawn(shapes)
    product = factors[0].astype("float64")
    for factor in factors[1:]:
        product = product @ factor
    value = keras.ops.convert_to_numpy(squared_norm(factors))
    np.testing.assert_allclose(value, np.sum(product**2), rtol=1e-5)


def test_a_product_of_zero_has_no_negative_norm():
    first, second = drawn([(40, 3), (3, 40)])
    # The rows of the second factor are in the kernel of the first: a product of round-off.
    first[:, 2], second[:2] = 0, 0
    assert 0 <= float(keras.ops.convert_to_numpy(squared_norm([1e3 * first, second]))) < 1


def step_of(layer, factors):
    """Return the factors after one step of SGD on the layer's penalty alone."""
    inputs = len(factors[0])
    model = keras.Sequential([keras.Input((inputs,)), layer])
    layer.set_weights(factors)
    model.compile(
        keras.optimizers.SGD(0.01), lambda y, prediction: 0 * keras.ops.sum(prediction, axis=-1)
    )
    x = np.ones((4, inputs), "float32")
    model.fit(x, np.ones((4, 1)), batch_size=4, verbose=0)
    return layer.get_weights()


@pytest.mark.parametrize("kind", ["dense", "einsum", "in place"])
def test_a_penalty_moves_the_factors_as_its_gradients_say(kind):
    first, second = drawn([(12, 2), (2, 12)], seed=1)
    penalty = keras.regularizers.L2(0.5)
    if kind == "dense":
        layer = FactorizedDense(12, width=2, kernel_regularizer=penalty, use_bias=False)
    elif kind == "einsum":
        layer = FactorizedEinsumDense("ab,bc->ac", 12, width=2, kernel_regularizer=penalty)
    else:
        layer = keras.layers.Dense(12, kernel_regularizer=penalty, use_bias=False)
        layer.build((None, 12))
        layer.set_weights([first @ second])
        overparameterize(keras.Sequential([keras.Input((12,)), layer]), width=2)
    moved = step_of(layer, [first, second])
    np.testing.assert_allclose(moved[0], first - 0.01 * first @ second @ second.T, rtol=1e-4)
    np.testing.assert_allclose(moved[1], second - 0.01 * first.T @ first @ second, rtol=1e-4)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="jax has the shortest derivatives")
def test_its_second_derivatives_are_those_of_the_product():
    import jax

    factors = drawn([(7, 2), (2, 6)])

    def composed(factors):
        return jax.numpy.sum(jax.numpy.square(factors[0] @ factors[1]))

    ours, theirs = (
        jax.jacrev(jax.grad(function))(factors) for function in (squared_norm, composed)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), ours, theirs)
