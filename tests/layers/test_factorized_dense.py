"""FactorizedDense against NumPy, `keras.layers.Dense`, and stacks of `Dense`."""

import keras
import numpy as np
import pytest
from keras import ops

from overparam_tf.errors import InputError
from overparam_tf.initializers import NearZero, factor_seed
from overparam_tf.layers import FactorizedDense
from tests.backends import needs_xla
from tests.layers.arrays import array, assert_close

RNG = np.random.default_rng(0)
INPUTS, UNITS = 5, 3
CASES = {
    "depth 1": {"depth": 1},
    "depth 2": {},
    "no bias": {"depth": 3, "use_bias": False},
    "widths": {"depth": 4, "width": [7, 2, 4]},
    "factor biases": {"depth": 3, "use_factor_biases": True},
    "factor biases alone": {"depth": 3, "use_factor_biases": True, "use_bias": False},
    "activation": {"depth": 2, "width": 1, "activation": "relu"},
}


def built(inputs=INPUTS, units=UNITS, dtype="float64", **arguments):
    """Return a layer with weights of order one, none of them zero."""
    layer = FactorizedDense(units, dtype=dtype, **arguments)
    layer.build((None, inputs))
    layer.set_weights([RNG.normal(size=w.shape) for w in layer.weights])
    return layer


def by_numpy(layer, x):
    for factor, bias in zip(layer.factors, layer.biases, strict=True):
        x = x @ factor.numpy() + (0 if bias is None else bias.numpy())
    return np.maximum(x, 0) if layer.activation is keras.activations.relu else x


@pytest.mark.parametrize("contraction", ["auto", "kernel", "chain"])
@pytest.mark.parametrize("leading", [(8,), (2, 7), (2, 3, 4), (1000,)])
@pytest.mark.parametrize("case", CASES)
def test_output_is_the_chain_of_factors(case, leading, contraction):
    layer = built(contraction=contraction, **CASES[case])
    x = RNG.normal(size=(*leading, INPUTS))
    assert_close(layer(x), by_numpy(layer, x))
    assert layer.compute_output_shape(x.shape) == (*leading, UNITS)


@pytest.mark.parametrize("case", CASES)
def test_end_to_end_kernel_and_bias_are_the_affine_map(case):
    layer = built(**{**CASES[case], "activation": None})
    origin, basis = by_numpy(layer, np.zeros((1, INPUTS))), by_numpy(layer, np.eye(INPUTS))
    np.testing.assert_allclose(array(layer.kernel), basis - origin, atol=1e-12)
    if any(bias is not None for bias in layer.biases):
        np.testing.assert_allclose(array(layer.end_to_end_bias), origin[0], atol=1e-12)
    else:
        assert layer.end_to_end_bias is None


@pytest.mark.parametrize("rows", [2, 2000])
def test_auto_chooses_by_the_rows_of_the_batch_also_in_a_graph(rows, monkeypatch):
    layer = built()
    assert 2 < layer._kernel_pays_above < 2000
    model, x = (
        keras.Sequential([keras.Input((INPUTS,), dtype="float64"), layer]),
        np.ones((rows, INPUTS)),
    )
    for unchosen in ("_through_chain",) if rows == 2000 else ("_through_kernel",):
        monkeypatch.setattr(
            layer, unchosen, lambda x: ops.full((*ops.shape(x)[:-1], UNITS), np.nan, x.dtype)
        )
    assert np.isfinite(array(layer(x))).all()
    assert np.isfinite(model.predict(x, batch_size=rows, verbose=0)).all()


def test_depth_1_is_dense():
    dense = keras.layers.Dense(UNITS, activation="relu", dtype="float64")
    x = RNG.normal(size=(6, INPUTS))
    dense.build(x.shape)
    layer = built(depth=1, activation="relu")
    layer.set_weights(dense.get_weights())
    np.testing.assert_array_equal(array(layer(x)), array(dense(x)))
    np.testing.assert_array_equal(array(layer.kernel), array(dense.kernel))


def fitted(layers, weights, x, y, **compile_arguments):
    model = keras.Sequential([keras.Input(x.shape[1:], dtype="float64"), *layers])
    model.set_weights(weights)
    model.compile("sgd", "mse", **compile_arguments)
    losses = model.fit(x, y, batch_size=10, epochs=3, shuffle=False, verbose=0).history["loss"]
    return losses, model.get_weights()


@pytest.mark.parametrize(
    ("contraction", "jit_compile"),
    [
        pytest.param("auto", True, marks=needs_xla),
        ("auto", False),
        ("kernel", False),
        ("chain", False),
    ],
)
def test_factor_biases_train_as_a_stack_of_biased_dense_layers(contraction, jit_compile):
    x, y = RNG.normal(size=(24, INPUTS)), RNG.normal(size=(24, UNITS))  # 24 rows: a last batch of 4
    stack = [keras.layers.Dense(width, dtype="float64") for width in (4, 2, UNITS)]
    layer = FactorizedDense(
        UNITS,
        depth=3,
        width=[4, 2],
        use_factor_biases=True,
        contraction=contraction,
        dtype="float64",
    )
    weights = [
        0.5 * RNG.normal(size=s) for s in [(INPUTS, 4), (4,), (4, 2), (2,), (2, UNITS), (UNITS,)]
    ]
    expected_losses, expected = fitted(stack, weights, x, y, jit_compile=jit_compile)
    losses, actual = fitted([layer], weights, x, y, jit_compile=jit_compile)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-6)
    for a, b, start in zip(actual, expected, weights, strict=True):
        assert_close(a, b)
        assert not np.allclose(a, start, atol=1e-4)


def test_near_zero_factors_are_near_zero_and_biases_zero():
    layer = FactorizedDense(
        40, depth=3, width=50, use_factor_biases=True, factor_initializer="near_zero"
    )
    layer.build((None, 60))
    for factor, bias in zip(layer.factors, layer.biases, strict=True):
        np.testing.assert_allclose(np.std(factor.numpy()), 0.01, rtol=0.1)
        np.testing.assert_array_equal(bias.numpy(), 0)


def test_a_seeded_initializer_gives_equal_layers_and_unequal_factors():
    first, second = (
        FactorizedDense(4, depth=3, factor_initializer=NearZero(seed=7)) for _ in range(2)
    )
    for layer in (first, second):
        layer.build((None, 4))
    for j, (a, b) in enumerate(zip(first.factors, second.factors, strict=True)):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
        np.testing.assert_array_equal(a.numpy(), array(NearZero(seed=factor_seed(7, j))((4, 4))))


def test_one_initializer_for_each_factor():
    layer = FactorizedDense(UNITS, depth=2, width=4, factor_initializer=["ones", "identity"])
    layer.build((None, INPUTS))
    np.testing.assert_array_equal(layer.factors[0].numpy(), np.ones((INPUTS, 4)))
    np.testing.assert_array_equal(layer.factors[1].numpy(), np.eye(4, UNITS))


@pytest.mark.parametrize("width", [None, 6])
def test_a_kernel_initializer_is_split_into_balanced_factors(width):
    glorot = keras.initializers.GlorotUniform(seed=3)
    layer = FactorizedDense(UNITS, depth=3, width=width, kernel_initializer=glorot, dtype="float64")
    layer.build((None, INPUTS))
    np.testing.assert_allclose(
        array(layer.kernel), array(glorot((INPUTS, UNITS), dtype="float64")), atol=1e-12
    )
    first, second, third = (factor.numpy() for factor in layer.factors)
    used = slice(UNITS)
    for left, right in ((first, second), (second, third)):
        np.testing.assert_allclose(
            (left.T @ left)[used, used], (right @ right.T)[used, used], atol=1e-12
        )
    if width is not None:  # units above the rank of the kernel have values on one side, and train
        assert sorted([first[:, UNITS:].any(), third[UNITS:].any()]) == [False, True]


def test_penalties_on_product_factors_and_biases():
    l1, l2 = keras.regularizers.L1(0.3), keras.regularizers.L2(0.1)
    layer = built(depth=2, kernel_regularizer=l1)
    (product_term,) = layer.losses
    np.testing.assert_allclose(
        array(product_term), 0.3 * np.abs(array(layer.kernel)).sum(), rtol=1e-6
    )
    layer = built(depth=2, factor_regularizer=l2, bias_regularizer=l1, use_factor_biases=True)
    expected = [
        0.1 * np.sum(w**2) if w.ndim == 2 else 0.3 * np.sum(np.abs(w)) for w in layer.get_weights()
    ]
    np.testing.assert_allclose([array(loss) for loss in layer.losses], expected, rtol=1e-6)
    layer = built(depth=2, factor_regularizer=[l2, None], kernel_regularizer=l1, use_bias=False)
    expected = 0.1 * np.sum(layer.factors[0].numpy() ** 2) + 0.3 * np.abs(array(layer.kernel)).sum()
    np.testing.assert_allclose(array(sum(layer.losses)), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": 0}, "positive integer for units. Received: units=0"),
        ({"units": 2.0}, "positive integer for units. Received: units=2.0"),
        ({"units": True}, "positive integer for units. Received: units=True"),
        ({"depth": 0}, "positive integer for depth. Received: depth=0"),
        ({"depth": 2.5}, "positive integer for depth. Received: depth=2.5"),
        ({"width": 0}, "positive integer for width. Received: width=0"),
        ({"width": "wide"}, "positive integer for width. Received: width='wide'"),
        ({"depth": 3, "width": [4]}, r"depth - 1 = 2 widths.*Received: width=\[4\]"),
        ({"depth": 3, "width": [4, -1]}, "positive integer for width. Received: width=-1"),
        (
            {"contraction": "best"},
            "'auto', 'kernel', 'chain' for contraction. Received: contraction='best'",
        ),
        ({"factor_initializer": ["zeros"]}, "depth = 2. Received: factor_initializer of length 1"),
        ({"factor_regularizer": ["l2"] * 3}, "depth = 2. Received: factor_regularizer of length 3"),
        (
            {"factor_initializer": ["zeros", None]},
            "Expected an initializer.*Received: factor_initializer=None",
        ),
        ({"kernel_initializer": "glorots"}, "glorots"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        FactorizedDense(**{"units": UNITS, **arguments})


def test_bad_inputs():
    with pytest.raises(
        InputError, match=r"known last dimension. Received: input_shape=\(8, None\)"
    ):
        FactorizedDense(UNITS).build((8, None))
    with pytest.raises(InputError, match=r"widths >= 3.*Received: widths=2, kernel.shape=\(5, 3\)"):
        built(width=2).assign_kernel(np.eye(INPUTS, UNITS))
    with pytest.raises(ValueError, match="expected min_ndim=2"):
        FactorizedDense(UNITS)(np.ones(INPUTS))
    with pytest.raises(ValueError, match="expected axis -1"):
        built()(np.ones((2, INPUTS + 1)))
    with pytest.raises(AttributeError, match="kernel"):
        FactorizedDense(UNITS).kernel  # noqa: B018
