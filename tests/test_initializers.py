"""Splits of a kernel against their defining equations, and seeds of factors."""

import itertools

import keras
import numpy as np
import pytest

from overparam_tf import initializers
from overparam_tf.errors import InputError
from overparam_tf.initializers import (
    NearZero,
    balanced_factors,
    factor_seed,
    identity_factors,
    per_factor,
)

RNG = np.random.default_rng(0)
SPLITS = [
    # kernel shape, depth, widths
    ((7, 4), 1, None),
    ((7, 4), 2, None),
    ((4, 7), 3, None),
    ((5, 1), 3, 1),
    ((1, 6), 4, 3),
    ((6, 5), 3, [9, 5]),
    ((5, 6), 5, 8),
]


def product(factors):
    return np.linalg.multi_dot(factors) if len(factors) > 1 else factors[0]


@pytest.mark.parametrize("split", [balanced_factors, identity_factors])
@pytest.mark.parametrize(("shape", "depth", "widths"), SPLITS)
def test_the_product_of_a_split_is_the_kernel(split, shape, depth, widths):
    kernel = RNG.normal(size=shape)
    factors = split(kernel, depth, widths)
    assert len(factors) == depth
    np.testing.assert_allclose(product(factors), kernel, atol=1e-12)


@pytest.mark.parametrize(("shape", "depth", "widths"), SPLITS)
def test_balanced_factors_are_balanced(shape, depth, widths):
    factors = balanced_factors(RNG.normal(size=shape), depth, widths)
    for left, right in itertools.pairwise(factors):
        np.testing.assert_allclose(left.T @ left, right @ right.T, atol=1e-12)


def test_widths_shape_the_factors():
    for split in (balanced_factors, identity_factors):
        assert [f.shape for f in split(np.eye(6, 5), 3, [9, 5])] == [(6, 9), (9, 5), (5, 5)]


@pytest.mark.parametrize(("shape", "carrier"), [((7, 4), 0), ((4, 7), 2)])
def test_identity_factors_carry_the_kernel_at_the_larger_end(shape, carrier):
    kernel = RNG.normal(size=shape)
    factors = identity_factors(kernel, 3, 5)
    rows, columns = shape
    np.testing.assert_array_equal(factors.pop(carrier)[:rows, :columns], kernel)
    for factor in factors:
        np.testing.assert_array_equal(factor, np.eye(*factor.shape))


def test_a_width_below_min_is_fine_for_a_kernel_of_low_rank():
    kernel = RNG.normal(size=(8, 2)) @ RNG.normal(size=(2, 6))
    np.testing.assert_allclose(product(balanced_factors(kernel, 3, 2)), kernel, atol=1e-12)
    np.testing.assert_allclose(product(balanced_factors(np.zeros((4, 3)), 2, 1)), 0)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_factors_have_the_dtype_of_the_kernel(dtype):
    kernel = keras.ops.cast(RNG.normal(size=(4, 3)), dtype)
    for split in (balanced_factors, identity_factors):
        assert {keras.backend.standardize_dtype(f.dtype) for f in split(kernel, 2)} == {dtype}


@pytest.mark.parametrize(
    ("kernel", "depth", "widths", "message"),
    [
        (np.ones((2, 2)), 0, None, "positive integer for depth.*depth=0"),
        (np.ones((2, 2)), 2.0, None, "positive integer for depth.*depth=2.0"),
        (np.ones((2, 2)), 2, 0, "positive integer for widths.*widths=0"),
        (np.ones((2, 2)), 3, [2], r"depth - 1 = 2 widths.*widths=\[2\]"),
        (np.eye(3), 2, 2, r"widths >= .*3.*widths=2, kernel.shape=\(3, 3\)"),
        (np.eye(3), 3, [4, 1], r"widths >= .*3.*widths=\[4, 1\]"),
        (np.ones(3), 2, None, r"shape \(in, out\).*kernel.shape=\(3,\)"),
        (np.ones((0, 3)), 2, None, r"shape \(in, out\).*kernel.shape=\(0, 3\)"),
        (np.array([[np.nan, 1.0]]), 2, None, "finite entries.*NaN or infinite"),
        (np.array([[np.inf, 1.0]]), 2, None, "finite entries.*NaN or infinite"),
    ],
)
@pytest.mark.parametrize("split", [balanced_factors, identity_factors])
def test_bad_splits(split, kernel, depth, widths, message):
    with pytest.raises(InputError, match=message):
        split(kernel, depth, widths)


def test_near_zero_draws_what_its_base_class_draws():
    base = keras.initializers.RandomNormal(stddev=0.01, seed=3)
    np.testing.assert_array_equal(NearZero(seed=3)((4, 5)), base((4, 5)))


@pytest.mark.parametrize("initializer", [NearZero(), NearZero(0.5, seed=3)])
def test_near_zero_round_trip(initializer):
    revived = initializers.get(keras.initializers.serialize(initializer))
    assert type(revived) is NearZero
    assert revived.get_config() == initializer.get_config()


@pytest.mark.parametrize("stddev", [-0.1, float("nan"), float("inf"), "small", None])
def test_bad_stddev(stddev):
    with pytest.raises(InputError, match=r"finite number >= 0 for stddev\. Received: stddev="):
        NearZero(stddev)


def test_get_knows_its_own_name_and_keras_names():
    assert type(initializers.get("near_zero")) is NearZero
    assert type(initializers.get("glorot_uniform")) is keras.initializers.GlorotUniform
    np.testing.assert_array_equal(initializers.get(np.eye(2))((2, 2), dtype="float32"), np.eye(2))
    with pytest.raises(InputError, match="Expected an initializer"):
        initializers.get(None)


@pytest.mark.parametrize(
    "initializer", [NearZero(seed=5), NearZero(), keras.initializers.GlorotUniform(seed=2**32 - 1)]
)
def test_factors_of_equal_shape_start_from_different_values(initializer):
    first, second, third = (np.asarray(per_factor(initializer, j)((3, 3))) for j in range(3))
    assert (
        not np.any(first == second) and not np.any(second == third) and not np.any(first == third)
    )


def test_the_first_factor_keeps_the_seed_and_the_others_derive_theirs():
    initializer = NearZero(seed=5)
    np.testing.assert_array_equal(per_factor(initializer, 0)((3, 3)), initializer((3, 3)))
    derived = int(np.random.SeedSequence((5, 2)).generate_state(1)[0])
    assert per_factor(initializer, 2).seed == factor_seed(5, 2) == derived
    np.testing.assert_array_equal(
        per_factor(initializer, 2)((3, 3)), NearZero(seed=derived)((3, 3))
    )
    assert factor_seed(-1, 1) == factor_seed(2**32 - 1, 1)


@pytest.mark.parametrize(
    "initializer",
    [
        keras.initializers.Ones(),
        NearZero(seed=keras.random.SeedGenerator(1)),  # draws other values at every call
        lambda shape, dtype=None: keras.ops.ones(shape, dtype),
    ],
)
def test_initializers_without_a_fixed_seed_are_left_alone(initializer):
    assert per_factor(initializer, 1) is initializer
