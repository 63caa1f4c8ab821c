"""The factorised layers in place of Keras's: start, seeds, positional arguments, old configs."""

import inspect

import keras
import numpy as np
import pytest

from overparam_tf.errors import InputError
from overparam_tf.initializers import NearZero
from overparam_tf.layers import (
    FactorizedConv2D,
    FactorizedDense,
    FactorizedEinsumDense,
    FactorizedMultiHeadAttention,
)
from tests.backends import FEW_STEPS, ROUNDING
from tests.layers.arrays import array

L = keras.layers
PAIRS = {
    "dense": (L.Dense, FactorizedDense),
    "conv": (L.Conv2D, FactorizedConv2D),
    "einsum": (L.EinsumDense, FactorizedEinsumDense),
    "attention": (L.MultiHeadAttention, FactorizedMultiHeadAttention),
}


def kernels_of_a_model(dense, conv, einsum, attention, **options):
    """Return the kernels of one model with layers of every kind, seeded as a whole."""
    keras.utils.set_random_seed(0)
    image = keras.Input((7, 8, 4))
    x = conv(6, 3, 2, groups=2, **options)(image)
    x = L.Reshape((9, 6))(x)
    x = attention(2, 3, name="attention", **options)(x, x)
    x = einsum("abc,dce->abde", (None, 3, 5), bias_axes="de", **options)(x)
    model = keras.Model(image, dense(4, **options)(dense(3, "relu", **options)(x)))
    layers = [*model.layers, *model.get_layer("attention")._flatten_layers(include_self=False)]
    return [array(layer.kernel) for layer in layers if hasattr(layer, "kernel")]


def test_at_one_seed_a_model_starts_as_its_plain_form():
    plain, ours = (kernels_of_a_model(*layers) for layers in zip(*PAIRS.values(), strict=True))
    deep = kernels_of_a_model(*(layer for _, layer in PAIRS.values()), depth=3)
    assert len(plain) == len(ours) == len(deep) == 8
    for expected, *actual in zip(plain, ours, deep, strict=True):
        for kernel in actual:
            np.testing.assert_allclose(kernel, expected, atol=1e-6)


def test_a_network_of_layers_as_they_come_trains_as_its_plain_form():
    """Guard the default start: from near zero no network of several layers learns."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 6, 6, 1)).astype("float32")
    y = np.argmax(x.reshape(64, 4, 9).sum(-1), axis=1)
    losses = []
    for conv, dense in ((L.Conv2D, L.Dense), (FactorizedConv2D, FactorizedDense)):
        keras.utils.set_random_seed(1)
        layers = [conv(8, 3, activation="relu"), L.Flatten(), dense(16, "relu"), dense(4)]
        model = keras.Sequential([keras.Input((6, 6, 1)), *layers])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.1), loss, **FEW_STEPS)
        steps = [float(model.train_on_batch(x, y)) for _ in range(60)]
        losses.append((steps[0], steps[-1]))
    (start, plain), (same_start, ours) = losses
    assert same_start == pytest.approx(start, rel=1e-4)
    assert ours < 1.1 * plain < 0.7 * start


@pytest.mark.parametrize("initializer", ["orthogonal", "he_normal", "random_normal"])
@pytest.mark.parametrize("equation", ["abc,cde->abde", "abc,edc->abde", "acb,cd->abd"])
def test_an_einsum_kernel_is_drawn_as_keras_draws_it(equation, initializer):
    initializer = keras.initializers.get(initializer)
    output = (3, 2, 3) if "e" in equation else (3, 6)
    arguments = {"kernel_initializer": initializer, "dtype": "float64"}
    plain, ours = (layer(equation, output, **arguments) for layer in PAIRS["einsum"])
    for layer in (plain, ours):
        layer.build((2, 4, 3) if equation.startswith("acb") else (2, 3, 4))
    np.testing.assert_allclose(array(ours.kernel), array(plain.kernel), atol=ROUNDING)


def parameters(function):
    """Return name and default of what a constructor takes by position."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
    _, *rest = inspect.signature(function.__init__).parameters.values()
    return [(p.name, p.default) for p in rest if p.kind in kinds]


@pytest.mark.parametrize("kind", PAIRS)
def test_positions_and_defaults_of_arguments_are_those_of_keras(kind):
    plain, ours = (parameters(layer) for layer in PAIRS[kind])
    assert ours == plain[: len(ours)]


def test_positional_arguments_are_read_as_keras_reads_them():
    conv = FactorizedConv2D(4, 3, 2, "same", None, 1, 2, "relu", False)
    assert conv.get_config()["strides"] == (2, 2) and conv.depth == 2
    assert (conv.padding, conv.groups, conv.use_bias) == ("same", 2, False)
    dense = FactorizedDense(64, "relu", False, "he_normal")
    assert dense.activation is keras.activations.relu and not dense.use_bias
    assert isinstance(dense.kernel_initializer, keras.initializers.HeNormal)
    attention = FactorizedMultiHeadAttention(2, 4, 3, 0.1)
    assert (attention.value_dim, attention.dropout, attention.depth) == (3, 0.1, 2)
    einsum = FactorizedEinsumDense("ab,bc->ac", 4, "relu", "c")
    assert einsum.activation is keras.activations.relu and einsum.bias_axes == "c"


def test_depth_goes_by_name_only():
    with pytest.raises(InputError, match=r"a Keras activation.*Received: activation=2"):
        FactorizedDense(3, 2)


NARROW = {
    "dense": (FactorizedDense(6, width=2), (None, 5)),
    "dense, deep": (FactorizedDense(6, depth=3, width=[4, 2]), (None, 5)),
    "conv": (FactorizedConv2D(6, 3, depth=2, width=2), (None, 5, 5, 4)),
    "conv, groups": (FactorizedConv2D(6, 3, depth=2, width=2, groups=2), (None, 5, 5, 4)),
    "einsum": (FactorizedEinsumDense("abc,cde->abde", (None, 2, 3), width=2), (None, 3, 4)),
}


@pytest.mark.parametrize("case", NARROW)
def test_a_narrow_layer_starts_from_the_best_approximation_of_its_kernel(case):
    layer, shape = NARROW[case]
    drawn = layer.plain_layer()
    layer.build(shape)
    drawn.build(shape)
    ours, plain = array(layer.kernel), array(drawn.kernel)
    ours, plain = (k.reshape(4, 6) if "einsum" in case else k for k in (ours, plain))
    groups = getattr(layer, "groups", 1)
    for part, whole in zip(np.split(ours, groups, -1), np.split(plain, groups, -1), strict=True):
        matrix = whole.reshape(-1, whole.shape[-1]).astype("float64")
        u, s, vt = np.linalg.svd(matrix, full_matrices=False)
        rank = 2 // groups
        nearest = u[:, :rank] * s[:rank] @ vt[:rank]
        np.testing.assert_allclose(part.reshape(matrix.shape), nearest, atol=1e-6)


def test_a_narrow_convolution_keeps_the_largest_channels_on_both_sides():
    layer = FactorizedConv2D(6, 3, depth=3, width=[2, 3])
    layer.build((None, 5, 5, 4))
    kernel = array(layer.kernel)
    assert np.linalg.matrix_rank(kernel.transpose(2, 0, 1, 3).reshape(4, -1), tol=1e-5) == 2
    assert np.linalg.matrix_rank(kernel.reshape(-1, 6), tol=1e-5) == 3


def test_several_spatial_factors_are_drawn_one_by_one():
    layer = FactorizedConv2D(6, 5, depth=2, factor_kernel_sizes=[3, 3])
    layer.build((None, 8, 8, 4))
    for factor in layer.factors:
        inputs, outputs = factor.shape[2:]
        limit = np.sqrt(6 / (9 * (inputs + outputs)))
        assert 0.9 * limit < np.abs(array(factor)).max() <= limit


def test_near_zero_by_name():
    layer = FactorizedDense(40, depth=3, width=50, factor_initializer="near_zero")
    layer.build((None, 60))
    assert layer.kernel_initializer is None
    for factor in layer.factors:
        np.testing.assert_allclose(np.std(array(factor)), 0.01, rtol=0.1)
    attention = FactorizedMultiHeadAttention(2, 30, factor_initializer="near_zero")
    attention = FactorizedMultiHeadAttention.from_config(attention.get_config())
    attention.build((None, 3, 60), (None, 3, 60))
    for projection in attention.projections:
        for factor in projection.factors:
            np.testing.assert_allclose(np.std(array(factor)), 0.01, rtol=0.1)


def test_one_initializer_at_a_time():
    with pytest.raises(InputError, match=r"either kernel_initializer.*or factor_initializer"):
        FactorizedDense(3, kernel_initializer="he_normal", factor_initializer="near_zero")
    plain = L.Dense(3, kernel_initializer="he_normal")
    layer = FactorizedDense.from_plain(plain, factor_initializer="near_zero")
    assert layer.kernel_initializer is None
    assert isinstance(layer.factor_initializer, NearZero)


@pytest.mark.parametrize("kernel", [None, keras.initializers.HeNormal(1)])
def test_a_config_of_version_0_1_means_the_same(kernel):
    old = FactorizedDense(3, depth=3).get_config()
    old["factor_initializer"] = keras.initializers.serialize(NearZero(seed=1))
    old["kernel_initializer"] = keras.initializers.serialize(kernel)
    layer = FactorizedDense.from_config(old)
    layer.build((None, 5))
    if kernel is None:
        np.testing.assert_array_equal(array(layer.factors[0]), array(NearZero(seed=1)((5, 3))))
    else:
        np.testing.assert_allclose(array(layer.kernel), array(kernel((5, 3))), atol=1e-6)
