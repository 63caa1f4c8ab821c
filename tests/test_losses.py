"""The l_p losses against NumPy's power, in Keras's own machinery, and with bad input."""

import re

import keras
import numpy as np
import pytest

from overparam_tf.errors import InputError
from overparam_tf.losses import L4Loss, LpLoss, even_power, l4_loss, lp_loss
from overparam_tf.optimizers import EndToEndSGD
from tests.backends import MANY_STEPS, ROUNDING, derivative

RNG = np.random.default_rng(0)
Y, PREDICTION = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 3))


@pytest.mark.parametrize("p", [0, 2, 4, 6, 8, 10, 14, 4.0])
def test_even_power_is_the_power(p):
    e = RNG.normal(size=20) * 3
    np.testing.assert_allclose(even_power(e, p), e**p, rtol=1e-14)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("p", [2, 4, 6])
def test_lp_loss_is_the_formula(p, scale):
    expected = np.mean((PREDICTION - Y) ** p, axis=-1) / (p if scale else 1)
    np.testing.assert_allclose(lp_loss(Y, PREDICTION, p, scale), expected, rtol=1e-6)


def test_p_2_is_half_the_mean_squared_error():
    mse = keras.losses.MeanSquaredError()(Y, PREDICTION)
    np.testing.assert_allclose(LpLoss(p=2)(Y, PREDICTION), mse / 2, rtol=1e-6)


@pytest.mark.parametrize("scale", [True, False])
def test_l4_is_p_4(scale):
    assert float(L4Loss(scale)(Y, PREDICTION)) == float(LpLoss(4, scale)(Y, PREDICTION))
    np.testing.assert_array_equal(l4_loss(Y, PREDICTION, scale), lp_loss(Y, PREDICTION, 4, scale))


@pytest.mark.parametrize("p", [2, 4])
def test_unobserved_labels_count_for_nothing(p):
    y, mask = Y.copy(), np.random.default_rng(1).random(Y.shape) < 0.5
    mask[2] = True  # an example without a label
    y[mask] = np.nan
    expected = np.mean((PREDICTION - Y)[~mask] ** p) / p
    loss = LpLoss(p, unobserved=True)
    np.testing.assert_allclose(loss(y, PREDICTION), expected, rtol=1e-6)
    np.testing.assert_allclose(loss(Y, PREDICTION), LpLoss(p)(Y, PREDICTION), rtol=1e-6)
    assert float(loss(np.full_like(Y, np.nan), PREDICTION)) == 0
    exact = LpLoss(p, dtype="float64", unobserved=True)
    slope = derivative(lambda prediction: exact(y, prediction), PREDICTION)
    expected = np.where(mask, 0, (PREDICTION - Y) ** (p - 1)) / np.count_nonzero(~mask)
    np.testing.assert_allclose(slope, expected, rtol=ROUNDING)


@pytest.mark.parametrize(("y_shape", "prediction_shape"), [((6,), (6, 1)), ((6, 1), (6,))])
def test_a_missing_last_axis_does_not_broadcast(y_shape, prediction_shape):
    y, prediction = Y[:, 0], PREDICTION[:, 0]
    loss = lp_loss(y.reshape(y_shape), prediction.reshape(prediction_shape), p=4)
    np.testing.assert_allclose(loss, (prediction - y) ** 4 / 4, rtol=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        LpLoss(6, scale=False, reduction="sum", name="sixth"),
        LpLoss(dtype="float64"),
        L4Loss(scale=False, dtype="float64", unobserved=True),
    ],
)
def test_config_round_trip(loss):
    revived = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(revived) is type(loss)
    assert revived.get_config() == loss.get_config()
    assert float(revived(Y, PREDICTION)) == float(loss(Y, PREDICTION))


@pytest.mark.parametrize("loss", [L4Loss(scale=False), l4_loss])
def test_a_compiled_model_keeps_its_loss(loss, tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    model.compile("sgd", loss)
    before = model.evaluate(Y, PREDICTION, verbose=0)
    model.save(tmp_path / "model.keras")
    assert (
        keras.models.load_model(tmp_path / "model.keras").evaluate(Y, PREDICTION, verbose=0)
        == before
    )


@pytest.mark.parametrize(
    ("name", "p"), [("l4_loss", 4), ("lp_loss", 4), ("L4Loss", 4), ("LpLoss", 4)]
)
def test_names_that_keras_knows(name, p):
    loss = keras.losses.get(name)
    values = keras.ops.mean(loss(Y.astype("float32"), PREDICTION.astype("float32")))
    np.testing.assert_allclose(values, np.mean((PREDICTION - Y) ** p) / p, rtol=1e-5)


def test_a_model_compiled_by_names_is_saved_with_them(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    model.compile("end_to_end_sgd", "l4_loss")
    assert type(model.optimizer) is EndToEndSGD
    model.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").loss is l4_loss


CLASSES = np.array([0, 1, 2, 1, 0, 2])
CLASS_WEIGHT = {0: 1.0, 1: 3.0, 2: 0.5}
SAMPLE_WEIGHT = np.array([1.0, 2.0, 0.0, 0.5, 4.0, 1.0])


@pytest.mark.parametrize("kind", ["class", "sample"])
@pytest.mark.parametrize("loss", [L4Loss(), LpLoss(6, scale=False)], ids=["l4", "l6"])
def test_weights_of_classes_and_samples(loss, kind):
    """The weighted loss is the mean of w_i l_i, and its gradient the mean of w_i x_i l_i' / k."""
    x, y = RNG.normal(size=(6, 4)), np.eye(3)[CLASSES]
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, use_bias=False)])
    kernel = keras.ops.convert_to_numpy(model.layers[0].kernel)
    model.compile(keras.optimizers.SGD(0.1), loss, weighted_metrics=[], **MANY_STEPS)
    weights = SAMPLE_WEIGHT
    if kind == "class":
        weights = np.array([CLASS_WEIGHT[label] for label in CLASSES])
    e, scale = x @ kernel - y, loss.p if loss.scale else 1
    expected = np.mean(weights * np.mean(e**loss.p, axis=1)) / scale
    evaluated = model.evaluate(x, y, batch_size=6, sample_weight=weights, verbose=0)
    chosen = {"class_weight": CLASS_WEIGHT} if kind == "class" else {"sample_weight": weights}
    history = model.fit(x, y, batch_size=6, verbose=0, **chosen)
    np.testing.assert_allclose([evaluated, *history.history["loss"]], expected, rtol=1e-5)
    slope = weights[:, None] * loss.p * e ** (loss.p - 1) / scale / 3
    moved = keras.ops.convert_to_numpy(model.layers[0].kernel) - kernel
    np.testing.assert_allclose(moved, -0.1 * x.T @ slope / 6, atol=1e-5)


@pytest.mark.parametrize("p", [3, 1, 0, -2, 2.5, True, "4", None, float("nan"), float("inf")])
def test_bad_exponent(p):
    expected = f"even whole exponent p >= 2, such as 2 or 4. Received: p={p!r}"
    with pytest.raises(InputError, match=re.escape(expected)):
        LpLoss(p)


@pytest.mark.parametrize("p", [1, -2, 0.5])
def test_bad_power(p):
    with pytest.raises(InputError, match="even whole exponent"):
        even_power(Y, p)


@pytest.mark.parametrize("shape", [(6, 1), (6,), (3, 6), (6, 3, 1, 1)])
def test_shapes_that_would_broadcast(shape):
    with pytest.raises(InputError, match=r"one shape\..*Received: y_true\.shape="):
        lp_loss(np.zeros(shape), PREDICTION)
