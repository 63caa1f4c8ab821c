"""FactorizedDense in Keras: its layer test, saving, mixed precision, nesting, masks."""

import keras
import numpy as np
import pytest
from keras import ops
from keras.src.testing import TestCase

from overparam_tf.layers import FactorizedDense
from tests.backends import needs_xla
from tests.layers.arrays import array

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(8, 5)).astype("float32"), RNG.normal(size=(8, 3)).astype("float32")


@pytest.mark.filterwarnings(
    "ignore:`shuffle=True` was passed"
)  # Keras's test trains from a generator
class KerasLayerTest(TestCase):
    def check(self, arguments, trainable, losses=0, input_shape=(4, 5)):
        self.run_layer_test(
            FactorizedDense,
            init_kwargs={"units": 3, **arguments},
            input_shape=input_shape,
            expected_output_shape=(*input_shape[:-1], 3),
            expected_num_trainable_weights=trainable,
            expected_num_non_trainable_weights=0,
            expected_num_seed_generators=0,
            expected_num_losses=losses,
            supports_masking=True,
        )

    def test_defaults(self):
        self.check({}, trainable=3)

    def test_penalties(self):
        arguments = {
            "kernel_regularizer": "l2",
            "bias_regularizer": "l1",
            "activity_regularizer": "l2",
        }
        self.check(arguments, trainable=3, losses=3)

    def test_everything_else(self):
        arguments = {
            "depth": 3,
            "width": (4, 6),
            "activation": "relu",
            "use_factor_biases": True,
            "factor_initializer": ["near_zero", "zeros", keras.initializers.HeNormal(seed=1)],
            "factor_regularizer": ["l2", None, keras.regularizers.L1(0.1)],
            "bias_initializer": "ones",
            "contraction": "kernel",
        }
        self.check(arguments, trainable=6, losses=2, input_shape=(2, 3, 5))

    def test_kernel_initializer(self):
        self.check({"kernel_initializer": "orthogonal", "use_bias": False}, trainable=2)


def fitted(model, **compile_arguments):
    model.compile("sgd", "mse", **compile_arguments)
    return model.fit(X, Y, batch_size=3, epochs=2, shuffle=False, verbose=0).history["loss"]


def test_a_model_survives_saving(tmp_path):
    layer = FactorizedDense(
        3, depth=3, width=[4, 6], use_factor_biases=True, activation="tanh", kernel_regularizer="l2"
    )
    model = keras.Sequential([keras.Input((5,)), layer])
    fitted(model)
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    assert revived.layers[0].get_config() == layer.get_config()
    np.testing.assert_array_equal(revived.predict(X, verbose=0), model.predict(X, verbose=0))
    assert fitted(revived) == fitted(model)


class Nested(keras.Model):
    """A model without `build`: Keras builds its layers inside a symbolic call."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, x):
        return self.layer(x) + self.layer(2 * x)  # a shared layer


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=needs_xla)])
@pytest.mark.parametrize(
    "initializer", [{}, {"kernel_initializer": keras.initializers.GlorotNormal(seed=2)}]
)
def test_a_layer_built_inside_a_symbolic_call(initializer, jit_compile):
    layer = FactorizedDense(3, dtype="float64", use_bias=False, **initializer)
    Nested(layer)(X)
    if initializer:
        expected = initializer["kernel_initializer"]((5, 3), dtype="float64")
        np.testing.assert_allclose(array(layer.kernel), array(expected), atol=1e-12)
    losses = fitted(Nested(FactorizedDense(3, **initializer)), jit_compile=jit_compile)
    assert losses[1] < losses[0]


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=needs_xla)])
def test_sequences_of_unknown_length_train(jit_compile):
    """Guard the order of multiplication that a graph chooses: XLA failed to compile it."""
    layer = FactorizedDense(3, use_factor_biases=True, activation="relu")
    model = keras.Sequential([keras.Input((None, 5)), layer])
    model.compile("sgd", "mse", jit_compile=jit_compile)
    for length, order in ((2, "chain"), (40, "kernel")):
        assert layer.contraction_for(2 * length) == order
        x = RNG.normal(size=(2, length, 5)).astype("float32")
        model.fit(x, x[..., :3], verbose=0)
        assert tuple(model(x).shape) == (2, length, 3)


@pytest.mark.parametrize("contraction", ["auto", "kernel", "chain"])
def test_a_shared_layer_is_penalised_once_as_dense_is(contraction):
    kernel = RNG.normal(size=(5, 3)).astype("float32")
    dense = keras.layers.Dense(3, use_bias=False, kernel_regularizer="l2")
    layer = FactorizedDense(
        3, depth=1, use_bias=False, kernel_regularizer="l2", contraction=contraction
    )
    losses = []
    for candidate in (dense, layer):
        model = Nested(candidate)
        model(X)
        candidate.set_weights([kernel])
        losses.append([*fitted(model), model.evaluate(X, Y, verbose=0)])
        assert len(model.losses) == 1
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-6)


def test_the_product_penalty_trains_the_product():
    layer = FactorizedDense(3, kernel_regularizer=keras.regularizers.L2(0.5), use_bias=False)
    model = keras.Sequential([keras.Input((5,)), layer])
    first, second = (RNG.normal(size=w.shape).astype("float32") for w in layer.factors)
    layer.set_weights([first, second])
    model.compile(
        keras.optimizers.SGD(0.01), lambda y, prediction: 0 * ops.sum(prediction, axis=-1)
    )
    model.fit(X, Y, batch_size=8, verbose=0)
    # d/dF_1 of 0.5 |F_1 F_2|^2 is F_1 F_2 F_2^T.
    np.testing.assert_allclose(
        layer.factors[0].numpy(), first - 0.01 * first @ second @ second.T, rtol=1e-5
    )
    np.testing.assert_allclose(
        layer.factors[1].numpy(), second - 0.01 * first.T @ first @ second, rtol=1e-5
    )


@pytest.mark.parametrize("contraction", ["auto", "kernel", "chain"])
def test_mixed_precision(contraction):
    layer = FactorizedDense(
        3,
        dtype="mixed_float16",
        contraction=contraction,
        kernel_regularizer="l2",
        use_factor_biases=True,
    )
    assert keras.backend.standardize_dtype(layer(X).dtype) == "float16"
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    # Near zero the entries of the kernel are about 1e-4: their squares vanish in float16.
    (penalty,) = layer.losses
    np.testing.assert_allclose(
        array(penalty), 0.01 * np.sum(np.square(array(layer.kernel))), rtol=1e-6
    )
    assert penalty > 0


def test_a_mask_passes_through():
    tokens = np.array([[3, 1, 0], [2, 0, 0]])
    model = keras.Sequential([keras.layers.Embedding(5, 4, mask_zero=True), FactorizedDense(2)])
    mask = model(tokens)._keras_mask
    np.testing.assert_array_equal(array(mask), tokens != 0)


def test_weights_are_named_for_what_they_are():
    layer = FactorizedDense(3, use_factor_biases=True)
    layer.build((None, 5))
    assert [weight.name for weight in layer.weights] == ["factor_1", "bias_1", "factor_2", "bias"]
