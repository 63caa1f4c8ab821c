"""Penalties on product, factors or first factor: their value, and the velocity of the kernel."""

import keras
import numpy as np
import pytest
from keras import ops

from overparam_tf.errors import InputError
from overparam_tf.initializers import balanced_factors
from overparam_tf.layers import FactorizedDense
from overparam_tf.regularizers import PLACES, penalty_on

RNG = np.random.default_rng(0)
LAMBDA = 0.3
L2 = keras.regularizers.L2(LAMBDA / 2)
ATOL = 1e-7


def layer_of(factors, **arguments):
    """Return a layer without bias, in float64, that has the given factors."""
    depth, widths = len(factors), [factor.shape[1] for factor in factors]
    layer = FactorizedDense(
        widths[-1], depth=depth, width=widths[:-1], use_bias=False, dtype="float64", **arguments
    )
    layer.build((None, factors[0].shape[0]))
    layer.set_weights(factors)
    return layer


def penalty(layer):
    return float(ops.convert_to_numpy(sum(layer.losses)))


def balanced(depth, singular_values=(3.0, 0.7, 0.2)):
    left, right = (np.linalg.qr(RNG.normal(size=shape))[0] for shape in ((4, 3), (3, 3)))
    return (
        left,
        np.array(singular_values),
        right,
        balanced_factors(left * singular_values @ right.T, depth),
    )


def velocity(layer, step=1e-4):
    """Return d kernel / dt if every factor follows minus the gradient of the layer's penalty.

    The gradient is taken by central differences.
    """
    factors = layer.get_weights()
    moved = np.zeros(tuple(layer.kernel.shape))
    for j, factor in enumerate(factors):
        gradient = np.zeros_like(factor)
        for index in np.ndindex(factor.shape):
            for sign in (1, -1):
                shifted = [f.copy() for f in factors]
                shifted[j][index] += sign * step
                layer.set_weights(shifted)
                gradient[index] += sign * penalty(layer) / (2 * step)
        terms = [*factors[:j], -gradient, *factors[j + 1 :]]
        moved += np.linalg.multi_dot(terms) if len(terms) > 1 else terms[0]
    layer.set_weights(factors)
    return moved


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("place", PLACES)
def test_balanced_singular_values_decay_at_the_rate_of_the_place(place, depth):
    left, s, right, factors = balanced(depth)
    rates = {
        "product": depth * LAMBDA * s ** (3 - 2 / depth),
        "factors": depth * LAMBDA * s,
        "first": LAMBDA * s,
    }
    layer = layer_of(factors, **penalty_on(place, L2, depth))
    np.testing.assert_allclose(velocity(layer), -(left * rates[place]) @ right.T, atol=ATOL)


@pytest.mark.parametrize(("place", "times"), [("factors", 3), ("first", 1)])
def test_kernel_of_any_factors_decays_in_proportion(place, times):
    layer = layer_of(
        [RNG.normal(size=shape) for shape in ((3, 2), (2, 4), (4, 2))], **penalty_on(place, L2, 3)
    )
    np.testing.assert_allclose(
        velocity(layer), -times * LAMBDA * np.linalg.multi_dot(layer.get_weights()), atol=ATOL
    )


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_factors_cost_the_schatten_norm_and_never_less(depth):
    _, s, _, factors = balanced(depth)
    least = penalty(layer_of(factors, **penalty_on("factors", L2)))
    np.testing.assert_allclose(least, LAMBDA / 2 * depth * np.sum(s ** (2 / depth)))
    for mix in np.eye(3) + 0.3 * RNG.normal(size=(5, 3, 3)):
        others = [factors[0] @ mix, np.linalg.solve(mix, factors[1]), *factors[2:]]
        assert penalty(layer_of(others, **penalty_on("factors", L2))) > least


def test_product_costs_what_its_kernel_costs_in_dense_and_first_factor_can_shrink_for_free():
    _, s, _, (first, second) = balanced(2)
    of = {
        place: penalty(layer_of([first / 100, second * 100], **penalty_on(place, L2)))
        for place in PLACES
    }
    np.testing.assert_allclose(of["product"], LAMBDA / 2 * np.sum(s**2))
    np.testing.assert_allclose(of["first"], LAMBDA / 2 * np.sum(s) / 100**2)


@pytest.mark.parametrize("place", PLACES)
def test_penalty_survives_the_config(place):
    layer = layer_of(balanced(3)[-1], **penalty_on(place, "l1", depth=3))
    again = FactorizedDense.from_config(layer.get_config())
    again.build((None, 4))
    again.set_weights(layer.get_weights())
    assert penalty(again) == penalty(layer) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("kernel", L2),
            "Expected one of 'product', 'factors', 'first' for place. Received: place='kernel'",
        ),
        (
            ("first", "l3"),
            "Expected a Keras regularizer, its name or None for regularizer. "
            "Received: regularizer='l3'",
        ),
        (("first", L2, 0), "Expected a positive integer for depth. Received: depth=0"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(InputError) as caught:
        penalty_on(*arguments)
    assert str(caught.value) == message
