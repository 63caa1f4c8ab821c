"""FactorizedConv2D and FactorizedEinsumDense in Keras: layer test, training, saving, precision."""

import keras
import numpy as np
import pytest
from keras import ops
from keras.src.testing import TestCase

from overparam_tf.layers import FactorizedConv2D, FactorizedEinsumDense
from tests.backends import needs_xla
from tests.layers.arrays import array, assert_close

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(8, 6, 7, 4)).astype("float32")
TOKENS = RNG.normal(size=(8, 3, 4)).astype("float32")
QUERY = {"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "de"}
LAYERS = {
    "conv": (
        FactorizedConv2D,
        {"filters": 6, "kernel_size": 3, "padding": "same", "strides": 2},
        IMAGES,
    ),
    "query": (FactorizedEinsumDense, QUERY, TOKENS),
}


@pytest.mark.filterwarnings(
    "ignore:`shuffle=True` was passed"
)  # Keras's test trains from a generator
class KerasLayerTest(TestCase):
    def check(self, layer, arguments, shapes, trainable, losses=0):
        input_shape, output_shape = shapes
        self.run_layer_test(
            layer,
            init_kwargs=arguments,
            input_shape=input_shape,
            expected_output_shape=output_shape,
            expected_num_trainable_weights=trainable,
            expected_num_non_trainable_weights=0,
            expected_num_seed_generators=0,
            expected_num_losses=losses,
            supports_masking=False,
        )

    def test_conv2d(self):
        arguments = {"filters": 6, "kernel_size": 3}
        self.check(FactorizedConv2D, arguments, ((2, 7, 8, 4), (2, 5, 6, 6)), trainable=3)

    def test_conv2d_with_everything(self):
        arguments = {
            "filters": 6,
            "kernel_size": (4, 3),
            "depth": 3,
            "width": [8, 10],
            "factor_kernel_sizes": [2, (1, 2), (3, 1)],
            "strides": 2,
            "padding": "same",
            "groups": 2,
            "activation": "relu",
            "use_factor_biases": True,
            "factor_initializer": ["near_zero", "he_normal", "ones"],
            "kernel_regularizer": "l2",
            "factor_regularizer": [None, "l1", None],
            "contraction": "chain",
        }
        self.check(FactorizedConv2D, arguments, ((2, 7, 8, 4), (2, 4, 4, 6)), trainable=6, losses=2)

    def test_conv2d_dilated(self):
        arguments = {
            "filters": 6,
            "kernel_size": 3,
            "dilation_rate": 2,
            "kernel_initializer": "glorot_uniform",
        }
        self.check(FactorizedConv2D, arguments, ((2, 7, 8, 4), (2, 3, 4, 6)), trainable=3)

    def test_einsum_dense(self):
        arguments = {**QUERY, "output_shape": (3, 2, 3)}
        self.check(FactorizedEinsumDense, arguments, ((2, 3, 4), (2, 3, 2, 3)), trainable=3)

    def test_einsum_dense_with_everything(self):
        arguments = {
            "equation": "...de,def->...f",
            "output_shape": 5,
            "bias_axes": "f",
            "depth": 3,
            "width": (7, 6),
            "activation": "tanh",
            "use_factor_biases": True,
            "kernel_initializer": "orthogonal",
            "kernel_regularizer": "l2",
            "factor_regularizer": ["l2", "l1", None],
            "bias_regularizer": "l2",
            "activity_regularizer": "l1",
        }
        self.check(
            FactorizedEinsumDense, arguments, ((2, 4, 3, 2), (2, 4, 5)), trainable=6, losses=6
        )


def fitted(layers, weights, x, y, **compile_arguments):
    model = keras.Sequential([keras.Input(x.shape[1:], dtype="float64"), *layers])
    model.set_weights(weights)
    model.compile("sgd", "mse", **compile_arguments)
    losses = model.fit(x, y, batch_size=3, epochs=2, shuffle=False, verbose=0).history["loss"]
    return losses, model.get_weights()


@pytest.mark.parametrize(
    ("contraction", "jit_compile"),
    [
        ("auto", False),
        ("kernel", False),
        ("chain", False),
        pytest.param("auto", True, marks=needs_xla),
    ],
)
def test_a_convolution_trains_as_the_stack_of_its_factors(contraction, jit_compile):
    stack = [
        keras.layers.Conv2D(5, 1, dtype="float64"),
        keras.layers.Conv2D(4, 3, strides=2, dtype="float64"),
        keras.layers.Conv2D(6, 1, dtype="float64"),
    ]
    layer = FactorizedConv2D(
        6,
        3,
        depth=3,
        width=[5, 4],
        strides=2,
        use_factor_biases=True,
        contraction=contraction,
        dtype="float64",
    )
    layer.build(IMAGES.shape)
    weights, y = (
        [0.5 * RNG.normal(size=weight.shape) for weight in layer.weights],
        RNG.normal(size=(8, 2, 3, 6)),
    )
    expected_losses, expected = fitted(stack, weights, IMAGES, y, jit_compile=jit_compile)
    losses, actual = fitted([layer], weights, IMAGES, y, jit_compile=jit_compile)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)
    for a, b, start in zip(actual, expected, weights, strict=True):
        assert_close(a, b)
        assert not np.allclose(a, start, atol=1e-4)


@pytest.mark.parametrize("case", LAYERS)
def test_a_model_survives_saving(case, tmp_path):
    factorised, arguments, x = LAYERS[case]
    layer = factorised(
        depth=3,
        width=9,
        use_factor_biases=True,
        activation="tanh",
        kernel_regularizer="l2",
        **arguments,
    )
    model = keras.Sequential([keras.Input(x.shape[1:]), layer])
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    assert revived.layers[0].get_config() == layer.get_config()
    np.testing.assert_array_equal(revived.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("contraction", ["auto", "kernel", "chain"])
@pytest.mark.parametrize("case", LAYERS)
def test_mixed_precision(case, contraction):
    factorised, arguments, x = LAYERS[case]
    layer = factorised(
        dtype="mixed_float16", contraction=contraction, kernel_regularizer="l2", **arguments
    )
    assert keras.backend.standardize_dtype(layer(x).dtype) == "float16"
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    (penalty,) = layer.losses
    np.testing.assert_allclose(
        array(penalty), 0.01 * np.sum(np.square(array(layer.kernel))), rtol=1e-5
    )


@pytest.mark.parametrize("case", LAYERS)
def test_a_layer_built_inside_a_symbolic_call(case):
    factorised, arguments, x = LAYERS[case]

    class Nested(keras.Model):
        def __init__(self):
            super().__init__()
            self.layer = factorised(
                depth=3, kernel_initializer=keras.initializers.HeNormal(1), **arguments
            )

        def call(self, x):
            return self.layer(x) + self.layer(2 * x)

    model = Nested()
    model.compile("sgd", "mse")
    losses = model.fit(x, 0 * array(Nested()(x)), epochs=2, verbose=0).history["loss"]
    assert losses[1] < losses[0]


@pytest.mark.parametrize("case", LAYERS)
def test_weights_are_named_for_what_they_are(case):
    factorised, arguments, x = LAYERS[case]
    layer = factorised(use_factor_biases=True, **arguments)
    layer.build(x.shape)
    assert [weight.name for weight in layer.weights] == ["factor_1", "bias_1", "factor_2", "bias"]
    assert ops.ndim(layer.factors[0]) == (4 if case == "conv" else 2)
