"""EndToEnd: the rule in front of other optimizers."""

import keras
import numpy as np
import pytest

from overparam_tf.dynamics import dense_reference as reference
from overparam_tf.errors import InputError
from overparam_tf.optimizers import EndToEnd, EndToEndSGD
from tests.backends import MANY_STEPS, ROUNDING

RATE = 2.0**-5
KERNEL, BIAS = np.random.default_rng(0).normal(size=(4, 3)), np.ones(3)
OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(RATE, momentum=0.5),
    "Adam": lambda: keras.optimizers.Adam(RATE),
    "AdamW": lambda: keras.optimizers.AdamW(RATE, weight_decay=0.125),
    "clipped": lambda: keras.optimizers.SGD(RATE, clipnorm=0.5),
    "averaged": lambda: keras.optimizers.SGD(RATE, use_ema=True, ema_overwrite_frequency=3),
}


def gradients_at(kernel, bias):
    """Return gradients of a loss that is no quadratic."""
    return [np.sin(kernel) + 0.1, bias**3]


def trained(optimizer, steps, turn=lambda kernel, gradient: gradient):
    """Return kernel and bias after steps with gradients that `turn` changes before."""
    variables = [keras.Variable(KERNEL, dtype="float64", name="kernel")]
    variables.append(keras.Variable(BIAS, dtype="float64", name="bias"))
    for _ in range(steps):
        kernel, bias = (variable.numpy() for variable in variables)
        kernel_gradient, bias_gradient = gradients_at(kernel, bias)
        gradients = turn(kernel, kernel_gradient), bias_gradient
        optimizer.apply([keras.ops.convert_to_tensor(one) for one in gradients], variables)
    optimizer.finalize_variable_values(variables)
    return [variable.numpy() for variable in variables]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_is_the_optimizer_with_turned_gradients(name):
    actual = trained(EndToEnd(OPTIMIZERS[name](), depth=3), 5)
    expected = trained(OPTIMIZERS[name](), 5, lambda k, g: reference.fractional_rule(k, g, 3))
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=ROUNDING)


def test_around_sgd_it_is_end_to_end_sgd_and_at_depth_one_the_optimizer():
    for one, other in (
        (EndToEnd(keras.optimizers.SGD(RATE), 2.5), EndToEndSGD(RATE, 2.5)),
        (EndToEnd(keras.optimizers.SGD(RATE), spread=0.5), EndToEndSGD(RATE, spread=0.5)),
        (EndToEnd(keras.optimizers.Adam(RATE), 1), keras.optimizers.Adam(RATE)),
    ):
        for actual, expected in zip(trained(one, 5), trained(other, 5), strict=True):
            np.testing.assert_allclose(actual, expected, atol=1e-12)


def test_a_saved_model_goes_on_training_where_it_stopped(tmp_path):
    x, y = np.random.default_rng(1).normal(size=(2, 8, 3)).astype("float32")

    def fitted(model, epochs):
        model.fit(x, y, epochs=epochs, batch_size=8, verbose=0)
        return model

    def made():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
        optimizer = EndToEnd(keras.optimizers.Adam(RATE), depth=2, kernels=["kernel"])
        model.compile(optimizer, "mse", **MANY_STEPS)
        return model

    model = fitted(made(), 2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer.inner_optimizer, keras.optimizers.Adam)
    assert int(loaded.optimizer.iterations) == 2
    whole = fitted(made(), 4)
    for one, other in zip(fitted(loaded, 2).get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_rate_and_the_weight_decay_are_those_of_the_inner_optimizer():
    optimizer = EndToEnd("adam", 2)
    optimizer.learning_rate = 0.25
    assert float(optimizer.inner_optimizer.learning_rate) == 0.25
    wrapped = EndToEnd(keras.optimizers.SGD(RATE, weight_decay=0.5), 1)
    wrapped.exclude_from_weight_decay(var_names=["bias"])
    plain = keras.optimizers.SGD(RATE, weight_decay=0.5)
    plain.exclude_from_weight_decay(var_names=["bias"])
    for one, other in zip(trained(wrapped, 3), trained(plain, 3), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_config_round_trip():
    optimizer = EndToEnd(keras.optimizers.Adam(RATE), 2, {"k": [[0], [1]]}, 0.5, name="deep")
    config = keras.optimizers.serialize(optimizer)
    again = keras.optimizers.deserialize(config)
    assert keras.optimizers.serialize(again) == config
    assert (again.depth, again.spread, again.name) == (2, 0.5, "deep")


def test_zeros_get_the_optimizer_alone_with_a_warning():
    kernel = keras.Variable(np.zeros((2, 2)), name="head")
    with pytest.warns(UserWarning, match="EndToEnd trains .* by plain Adam, .*: head$"):
        EndToEnd("adam", 2).build([kernel])


def test_an_optimizer_that_has_been_built_is_refused():
    inner = keras.optimizers.SGD()
    inner.build([keras.Variable([[1.0]])])
    with pytest.raises(InputError, match="a Keras optimizer that is not built for optimizer"):
        EndToEnd(inner)
