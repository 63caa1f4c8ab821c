"""FactorizedConv2D against NumPy, and against `keras.layers.Conv2D` with its kernel and bias."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from overparam_tf.errors import InputError
from overparam_tf.layers import FactorizedConv2D
from tests.backends import ROUNDING
from tests.layers.arrays import array, as_plain, assert_close, randomised

RNG = np.random.default_rng(0)
INPUTS, FILTERS = 4, 6
# Kernel sizes of the factors and of their composition.
SIZES = {
    "k": ([3], 3),
    "k, 1": ([3, 1], 3),
    "1, k": ([1, 3], 3),
    "1, k, 1": ([1, 3, 1], 3),
    "k, k": ([3, 3], 5),
    "column, 1, row": ([(3, 1), 1, (1, 2)], (3, 2)),
    "1, 1": ([1, 1], 1),
    "even": ([2, 1, 3], 4),
}
# Strides are over 1, equal to, or over the kernel size; rows x columns odd x even.
GEOMETRIES = [
    {"strides": strides, "padding": padding, "dilation_rate": dilation}
    for strides, padding, dilation in itertools.product([1, 2, 4], ["valid", "same"], [1, 2])
    if strides == 1 or dilation == 1
]


def layer_of(sizes="1, k, 1", contraction="chain", shape=(None, 11, 12, INPUTS), **arguments):
    factor_sizes, size = SIZES[sizes]
    defaults = {
        "depth": len(factor_sizes),
        "width": 4,
        "use_factor_biases": True,
        "filters": FILTERS,
    }
    arguments = {
        "factor_kernel_sizes": factor_sizes,
        "contraction": contraction,
        **defaults,
        **arguments,
    }
    return randomised(FactorizedConv2D(kernel_size=size, dtype="float64", **arguments), shape)


def by_numpy(x, kernel, stride):
    """Return what Keras calls a convolution, without padding, pixel by pixel."""
    height, width = kernel.shape[:2]
    rows, columns = ((x.shape[axis] - kernel.shape[axis - 1]) // stride + 1 for axis in (1, 2))
    y = np.empty((len(x), rows, columns, kernel.shape[-1]))
    for i, j in np.ndindex(rows, columns):
        patch = x[:, i * stride : i * stride + height, j * stride : j * stride + width]
        y[:, i, j] = np.einsum("bhwi,hwio->bo", patch, kernel)
    return y


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("sizes", SIZES)
def test_chain_and_kernel_are_the_plain_convolution_at_every_pixel(sizes, geometry):
    for contraction in ("chain", "kernel"):
        layer = layer_of(sizes, contraction, **geometry)
        for height, width in ((11, 12), (12, 13)):
            x = RNG.normal(size=(2, height, width, INPUTS))
            expected = as_plain(layer, x.shape)(x)
            assert_close(layer(x), expected)
            assert layer.compute_output_shape(x.shape) == tuple(expected.shape)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("groups", [2, 4])
@pytest.mark.parametrize("sizes", ["k, 1", "1, k, 1", "k, k"])
def test_groups(sizes, groups, padding):
    x = RNG.normal(size=(2, 7, 8, INPUTS))
    for contraction in ("chain", "kernel"):
        layer = layer_of(
            sizes, contraction, groups=groups, padding=padding, width=8, shape=x.shape, filters=8
        )
        assert_close(layer(x), as_plain(layer, x.shape)(x))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("sizes", SIZES)
def test_the_chain_is_one_convolution_after_the_other(sizes, stride):
    layer, x = layer_of(sizes, strides=stride), RNG.normal(size=(2, 8, 9, INPUTS))
    factor_sizes = [factor.shape[:2] for factor in layer.factors]
    strided = max((j for j, size in enumerate(factor_sizes) if size != (1, 1)), default=0)
    y = x
    for j, (factor, bias) in enumerate(zip(layer.factors, layer.biases, strict=True)):
        y = by_numpy(y, array(factor), stride if j == strided else 1) + array(bias)
    np.testing.assert_allclose(array(layer(x)), y, rtol=1e-9, atol=1e-10)


def test_zeros_between_biased_factors_would_be_another_function():
    """Guard padding once: a k x k factor that pads sees zeros where a bias should be."""
    layer, x = layer_of("1, k, 1", padding="same"), RNG.normal(size=(1, 6, 6, INPUTS))
    y = x
    for factor, bias in zip(layer.factors, layer.biases, strict=True):
        y = ops.conv(y, factor, padding="same") + bias
    difference = np.abs(array(y) - array(as_plain(layer, x.shape)(x)))[0]
    assert difference[1:-1, 1:-1].max() < 1e-10
    assert difference[0].min() > 1e-3


@pytest.mark.parametrize("contraction", ["auto", "kernel", "chain"])
@pytest.mark.parametrize("biases", [(True, True), (False, True), (True, False), (False, False)])
def test_biases(biases, contraction):
    use_bias, use_factor_biases = biases
    layer = layer_of(
        contraction=contraction,
        use_bias=use_bias,
        use_factor_biases=use_factor_biases,
        padding="same",
    )
    x = RNG.normal(size=(2, 5, 6, INPUTS))
    plain = as_plain(layer, x.shape)
    assert plain.use_bias == (layer.end_to_end_bias is not None) == any(biases)
    assert_close(layer(x), plain(x))


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_padding_of_a_size_known_only_when_it_runs(stride):
    layer = layer_of(
        "column, 1, row", "chain", padding="same", strides=stride, shape=(None, None, None, INPUTS)
    )
    model = keras.Sequential([keras.Input((None, None, INPUTS), dtype="float64"), layer])
    for height, width in itertools.product((5, 6, 7), (8, 9)):
        x = RNG.integers(-9, 9, size=(2, height, width, INPUTS)).astype(
            "float64"
        )  # Keras feeds a model float32
        assert_close(model.predict(x, verbose=0), as_plain(layer, x.shape)(x))


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_channels_first(padding):
    arguments = {"padding": padding, "strides": 2}
    last = layer_of(**arguments)
    first = layer_of(data_format="channels_first", shape=(None, INPUTS, 11, 12), **arguments)
    assert first.compute_output_shape((2, INPUTS, 11, 12)) == as_plain(
        first, (2, INPUTS, 11, 12)
    ).compute_output_shape((2, INPUTS, 11, 12))
    if keras.backend.backend() == "tensorflow":
        pytest.skip("TensorFlow has no convolution with channels first on a CPU")
    x = RNG.normal(size=(2, 11, 12, INPUTS))
    assert_close(np.moveaxis(array(first(np.moveaxis(x, -1, 1))), 1, -1), last(x))


@pytest.mark.parametrize(
    ("arguments", "factors"),
    [
        ({"depth": 1}, [(3, 3, 4, 6)]),
        ({"depth": 2}, [(3, 3, 4, 6), (1, 1, 6, 6)]),
        ({"depth": 3}, [(1, 1, 4, 4), (3, 3, 4, 6), (1, 1, 6, 6)]),
        ({"depth": 4, "width": 5}, [(1, 1, 4, 5), (3, 3, 5, 5), (1, 1, 5, 5), (1, 1, 5, 6)]),
        ({"depth": 2, "filters": 50}, [(3, 3, 4, 36), (1, 1, 36, 50)]),
        ({"depth": 2, "groups": 2}, [(3, 3, 2, 6), (1, 1, 3, 6)]),
        ({"kernel_size": 5, "factor_kernel_sizes": [3, 3]}, [(3, 3, 4, 36), (3, 3, 36, 6)]),
    ],
)
def test_default_sizes_and_widths(arguments, factors):
    layer = FactorizedConv2D(**{"filters": FILTERS, "kernel_size": 3, **arguments})
    layer.build((None, 8, 8, INPUTS))
    assert [tuple(factor.shape) for factor in layer.factors] == factors


@pytest.mark.parametrize("rows", [1, 64])
def test_auto_chooses_by_the_pixels_of_the_batch_also_in_a_graph(rows, monkeypatch):
    layer = layer_of("1, k, 1", "auto", width=6, strides=2, shape=(None, 4, 4, INPUTS))
    assert 1 < layer._kernel_pays_above < 64  # an output pixel for each image
    model, x = (
        keras.Sequential([keras.Input((4, 4, INPUTS), dtype="float64"), layer]),
        np.ones((rows, 4, 4, INPUTS)),
    )
    unchosen = "_through_kernel" if rows == 1 else "_through_chain"
    monkeypatch.setattr(
        layer, unchosen, lambda x: ops.full((ops.shape(x)[0], 1, 1, FILTERS), np.nan, "float64")
    )
    assert np.isfinite(array(layer(x))).all()
    assert np.isfinite(model.predict(x, batch_size=rows, verbose=0)).all()


def test_a_kernel_initializer_is_split():
    glorot = keras.initializers.GlorotUniform(seed=3)
    for depth, groups in itertools.product([1, 2, 3, 4], [1, 2]):
        layer = FactorizedConv2D(
            FILTERS,
            3,
            depth=depth,
            groups=groups,
            kernel_initializer=glorot,
            dtype="float64",
            name=f"layer{depth}",
        )
        layer.build((None, 8, 8, INPUTS))
        expected = glorot((3, 3, INPUTS // groups, FILTERS), dtype="float64")
        np.testing.assert_allclose(array(layer.kernel), array(expected), atol=ROUNDING)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, "positive integer for filters. Received: filters=0"),
        ({"kernel_size": (3, 0)}, "positive integer for kernel_size. Received: kernel_size=0"),
        ({"padding": "causal"}, "'valid', 'same' for padding. Received: padding='causal'"),
        ({"strides": 2, "dilation_rate": 2}, "strides > 1.*not supported"),
        ({"groups": 4}, "evenly divisible.*groups=4, filters=6"),
        ({"groups": 2, "width": 3}, "widths divisible by groups = 2. Received: width=3"),
        ({"groups": 3}, r"divisible by groups = 3. Received: input_shape=\(None, 8, 8, 4\)"),
        (
            {"depth": 3, "factor_kernel_sizes": [3, 1]},
            r"depth = 3 kernel sizes. Received: factor_kernel_sizes=\[3, 1\]",
        ),
        ({"factor_kernel_sizes": [3, 3]}, r"kernel_size|compose to \(5, 5\)"),
        (
            {"factor_kernel_sizes": [3, 0]},
            "positive integer for factor_kernel_sizes. Received: .*=0",
        ),
        ({"factor_kernel_sizes": [(3, 1, 1), 1]}, "an int or two for each factor"),
        (
            {"factor_kernel_sizes": [2, 2], "kernel_initializer": "zeros"},
            "at most one factor larger than 1x1",
        ),
        ({"kernel_size": 9}, "output size would be zero or negative"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message) as raised:
        FactorizedConv2D(**{"filters": FILTERS, "kernel_size": 3, **arguments}).build(
            (None, 8, 8, INPUTS)
        )
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 3}, "widths >= 6, the rank of the kernel"),
        ({"depth": 3, "width": [3, 6]}, "widths >= 4 in front of the spatial"),
        ({"depth": 3, "width": [4, 5]}, "widths >= 6 behind the spatial"),
    ],
)
def test_kernels_that_the_widths_do_not_hold(arguments, message):
    layer = FactorizedConv2D(FILTERS, 3, **arguments)
    layer.build((None, 8, 8, INPUTS))
    with pytest.raises(InputError, match=message):
        layer.assign_kernel(RNG.normal(size=(3, 3, INPUTS, FILTERS)))


def test_bad_inputs():
    with pytest.raises(
        InputError, match=r"known number of channels.*Received: input_shape=\(None, 8, 8, None\)"
    ):
        FactorizedConv2D(FILTERS, 3).build((None, 8, 8, None))
    with pytest.raises(ValueError, match="expected ndim=4"):
        FactorizedConv2D(FILTERS, 3)(np.ones((8, 8, 4)))
    with pytest.raises(ValueError, match="expected axis -1"):
        layer_of()(np.ones((2, 8, 8, 5)))
