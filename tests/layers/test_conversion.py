"""Conversion of plain Keras layers to factorised ones and back: config, kernel, bias, splits."""

import keras
import numpy as np
import pytest

from overparam_tf.errors import InputError
from overparam_tf.layers import FactorizedConv2D, FactorizedDense, FactorizedEinsumDense
from tests.layers.arrays import array, as_plain, assert_close

RNG = np.random.default_rng(0)
COMMON = {"dtype": "float64", "name": "converted"}
EINSUM = {"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "de"}
CONV = {"filters": 6, "kernel_size": 3, "padding": "same"}
# Factorised class, plain layer, input shape.
PLAIN = {
    "dense": (FactorizedDense, lambda: keras.layers.Dense(3, activation="relu", **COMMON), (4, 5)),
    "dense, wide": (
        FactorizedDense,
        lambda: keras.layers.Dense(7, use_bias=False, **COMMON),
        (4, 5),
    ),
    "conv": (
        FactorizedConv2D,
        lambda: keras.layers.Conv2D(**CONV, strides=2, activation="elu", **COMMON),
        (2, 7, 8, 4),
    ),
    "conv, groups": (
        FactorizedConv2D,
        lambda: keras.layers.Conv2D(6, (1, 3), groups=2, **COMMON),
        (2, 7, 8, 4),
    ),
    "conv, 1x1": (
        FactorizedConv2D,
        lambda: keras.layers.Conv2D(6, 1, strides=2, **COMMON),
        (2, 7, 8, 4),
    ),
    "conv, dilated": (
        FactorizedConv2D,
        lambda: keras.layers.Conv2D(6, 3, dilation_rate=2, **COMMON),
        (2, 7, 8, 4),
    ),
    "conv, 1 to 50": (
        FactorizedConv2D,
        lambda: keras.layers.Conv2D(50, 3, use_bias=False, **COMMON),
        (2, 5, 5, 1),
    ),
    "conv, 50 to 1": (FactorizedConv2D, lambda: keras.layers.Conv2D(1, 3, **COMMON), (2, 5, 5, 50)),
    "query": (
        FactorizedEinsumDense,
        lambda: keras.layers.EinsumDense(**EINSUM, **COMMON),
        (2, 3, 4),
    ),
    "value": (
        FactorizedEinsumDense,
        lambda: keras.layers.EinsumDense("abcd,cde->abe", (None, 5), **COMMON),
        (2, 3, 4, 2),
    ),
}


def plain_of(case):
    factorised, make, shape = PLAIN[case]
    plain = make()
    plain.build(shape)
    plain.set_weights([RNG.normal(size=weight.shape) for weight in plain.weights])
    return factorised, plain, shape


def converted(case, depth, split, width=None, **options):
    factorised, plain, shape = plain_of(case)
    layer = factorised.from_plain(plain, depth, width, kernel_initializer="zeros", **options)
    layer.build(shape)
    layer.assign_kernel(plain.kernel, split)
    layer.assign_bias(plain.bias)
    return plain, layer, RNG.normal(size=shape)


@pytest.mark.parametrize("split", ["balanced", "identity"])
@pytest.mark.parametrize("depth", [1, 2, 3, 5])
@pytest.mark.parametrize("case", PLAIN)
def test_there_and_back(case, depth, split):
    plain, layer, x = converted(case, depth, split)
    assert len(layer.factors) == depth
    assert_close(layer.kernel, plain.kernel)
    assert_close(layer(x), plain(x))
    assert_close(as_plain(layer, x.shape)(x), plain(x))


@pytest.mark.parametrize("split", ["balanced", "identity"])
@pytest.mark.parametrize("case", ["dense", "conv", "conv, 50 to 1", "query"])
def test_wider_factors_hold_the_kernel_too(case, split):
    plain, layer, x = converted(case, depth=3, split=split, width=70, use_factor_biases=True)
    assert_close(layer(x), plain(x))


def grams(left, right):
    """Return the Gram matrices of two neighbours over the channels between them, over all taps."""
    left = array(left).reshape(-1, left.shape[-1])
    right = np.moveaxis(array(right), -2, 0).reshape(left.shape[-1], -1)
    return left.T @ left, right @ right.T


@pytest.mark.parametrize("depth", [2, 3, 4, 6])
@pytest.mark.parametrize(
    "case", ["dense", "conv", "conv, 1x1", "conv, 1 to 50", "conv, 50 to 1", "query", "value"]
)
def test_a_balanced_split_is_balanced(case, depth):
    _, layer, _ = converted(case, depth, "balanced")
    for left, right in zip(layer.factors[:-1], layer.factors[1:], strict=True):
        ours, theirs = grams(left, right)
        np.testing.assert_allclose(ours, theirs, atol=1e-8 * np.abs(ours).max())


def test_a_balanced_split_of_a_convolution_has_the_least_norm():
    _, layer, _ = converted("conv", 3, "balanced")
    first, middle, last = (array(factor) for factor in layer.factors)
    least = sum(np.sum(factor**2) for factor in (first, middle, last))
    for seed in range(20):
        rng = np.random.default_rng(seed)
        a, b = (np.eye(n) + 0.1 * rng.normal(size=(n, n)) for n in middle.shape[2:])
        same = first @ a, np.linalg.inv(a) @ middle @ b, np.linalg.inv(b) @ last
        np.testing.assert_allclose(
            same[0][0, 0] @ same[1] @ same[2][0, 0], array(layer.kernel), atol=1e-9
        )
        assert sum(np.sum(factor**2) for factor in same) > least


@pytest.mark.parametrize(("depth", "carrier"), [(2, 0), (3, 1), (4, 1)])
def test_an_identity_split_is_the_kernel_among_identities(depth, carrier):
    plain, layer, _ = converted("conv", depth, "identity")
    for j, factor in enumerate(layer.factors):
        expected = array(plain.kernel) if j == carrier else np.eye(*factor.shape[2:])[None, None]
        np.testing.assert_array_equal(array(factor), expected)


@pytest.mark.parametrize("split", ["balanced", "identity"])
@pytest.mark.parametrize("case", ["dense", "conv", "query"])
@pytest.mark.parametrize("depth", [2, 3])
def test_a_kernel_of_zeros(case, depth, split):
    _, layer, _ = converted(case, depth, split)
    layer.assign_kernel(np.zeros(layer.kernel.shape), split)
    np.testing.assert_array_equal(array(layer.kernel), 0)


@pytest.mark.parametrize("depth", [2, 3])
def test_narrow_factors_hold_a_kernel_of_low_rank(depth):
    _, layer, _ = converted("conv", depth, "balanced")
    left, core, right = (RNG.normal(size=shape) for shape in [(4, 2), (3, 3, 2, 3), (3, 6)])
    kernel = left @ core @ right
    layer = FactorizedConv2D(6, 3, depth=depth, width=3, dtype="float64")
    layer.build((None, 8, 8, 4))
    layer.assign_kernel(kernel)
    assert_close(layer.kernel, kernel)


@pytest.mark.parametrize("case", ["dense", "conv", "query"])
def test_noise_is_relative_and_seeded(case):
    _, layer, _ = converted(case, 2, "balanced", width=30)
    kernel = array(layer.kernel)
    exact = [array(factor) for factor in layer.factors]
    noisy = []
    for seed in (1, 1, 2):
        layer.assign_kernel(kernel, noise=0.01, seed=seed)
        noisy.append(
            [array(factor) - start for factor, start in zip(layer.factors, exact, strict=True)]
        )
    for first, again, other, start in zip(*noisy, exact, strict=True):
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 0
        np.testing.assert_allclose(np.sqrt(np.mean(first**2) / np.mean(start**2)), 0.01, rtol=0.3)


def test_a_bias_goes_to_the_last_factor():
    _, layer, _ = converted("conv", 3, "balanced", use_factor_biases=True)
    for bias in layer.biases:
        bias.assign(RNG.normal(size=bias.shape))
    layer.assign_bias(np.arange(6.0))
    assert [float(np.abs(array(bias)).sum()) for bias in layer.biases] == [0, 0, 15]
    np.testing.assert_array_equal(array(layer.end_to_end_bias), np.arange(6.0))
    layer.assign_bias(None)
    np.testing.assert_array_equal(array(layer.end_to_end_bias), np.zeros(6))


@pytest.mark.parametrize("case", PLAIN)
def test_configuration_survives_there_and_back(case):
    factorised, make, _ = PLAIN[case]
    plain = make()
    plain.kernel_initializer, plain.bias_initializer = (
        keras.initializers.HeNormal(3),
        keras.initializers.Ones(),
    )
    plain.kernel_regularizer, plain.bias_regularizer = (
        keras.regularizers.L1(0.1),
        keras.regularizers.L2(0.2),
    )
    plain.activity_regularizer, plain.trainable = keras.regularizers.L2(0.3), False
    plain.bias_constraint = keras.constraints.NonNeg()
    layer = factorised.from_plain(plain, depth=3, factor_regularizer="l2")
    assert not plain.built and not layer.built
    assert layer.plain_layer().get_config() == plain.get_config()


def test_options_go_before_the_plain_configuration():
    plain = keras.layers.Dense(3, activation="relu", dtype="mixed_float16")
    layer = FactorizedDense.from_plain(
        plain, 2, 7, name="other", activation=None, contraction="chain"
    )
    assert (layer.name, layer.width, layer.contraction) == ("other", 7, "chain")
    assert layer.activation is keras.activations.linear
    assert layer.dtype_policy.name == "mixed_float16"


def test_penalties_on_several_biases_have_no_plain_form():
    for depth, penalty in ((1, keras.regularizers.L2), (2, type(None))):
        layer = FactorizedDense(3, depth=depth, use_factor_biases=True, bias_regularizer="l2")
        assert isinstance(layer.plain_layer().bias_regularizer, penalty)


def with_lora():
    layer = keras.layers.Dense(3)
    layer.build((None, 4))
    layer.enable_lora(2)
    return layer


def quantised():
    layer = keras.layers.Dense(4)
    layer.build((None, 4))
    layer.quantize("int8")
    return layer


class SpecialDense(keras.layers.Dense):
    """A layer that may compute anything."""


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: keras.layers.Conv2D(3, 3),
            "Expected a keras.layers.Dense. Received: layer=<Conv2D",
        ),
        (lambda: SpecialDense(3), "Expected a keras.layers.Dense. Received: layer=<SpecialDense"),
        (with_lora, "without LoRA: merge its weights.*lora_rank=2"),
        (quantised, "not quantised: convert before quantising.*'int8'"),
        (
            lambda: keras.layers.Dense(3, kernel_constraint="non_neg", name="head"),
            "without constraints.*head",
        ),
    ],
)
def test_plain_layers_that_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        FactorizedDense.from_plain(make(), 2)


@pytest.mark.parametrize(
    ("assign", "message"),
    [
        (
            lambda layer: layer.assign_kernel(np.ones((3, 3, 6))),
            r"kernel of shape \(3, 3, 4, 6\).*=\(3, 3, 6\)",
        ),
        (lambda layer: layer.assign_kernel(np.full((3, 3, 4, 6), np.nan)), "finite entries"),
        (
            lambda layer: layer.assign_kernel(np.ones((3, 3, 4, 6)), "half"),
            "'balanced', 'identity' for split. Received: split='half'",
        ),
        (
            lambda layer: layer.assign_kernel(np.ones((3, 3, 4, 6)), noise=-1),
            "finite number >= 0 for noise. Received: noise=-1",
        ),
        (
            lambda layer: layer.assign_kernel(RNG.normal(size=(3, 3, 4, 6))),
            "widths >= 4 in front.*width of 3",
        ),
        (
            lambda layer: layer.assign_kernel(np.ones((3, 3, 4, 6)), "identity"),
            r"widths >= 4.*>= 6 behind.*=\[3, 3\]",
        ),
        (
            lambda layer: layer.assign_bias(np.ones(5)),
            r"bias of shape \(6,\). Received: bias.shape=\(5,\)",
        ),
    ],
)
def test_what_a_layer_refuses(assign, message):
    layer = FactorizedConv2D(6, 3, depth=3, width=3)
    with pytest.raises(InputError, match="Expected a built layer"):
        assign(layer)
    layer.build((None, 8, 8, 4))
    with pytest.raises(InputError, match=message) as raised:
        assign(layer)
    assert "\n" not in str(raised.value)


def test_a_layer_without_bias_takes_none():
    layer = FactorizedDense(2, use_bias=False)
    layer.build((None, 3))
    layer.assign_bias(None)
    with pytest.raises(
        InputError, match="Expected None, since this layer has no bias after its last factor"
    ):
        layer.assign_bias([1.0, 2.0])
