"""Faithfulness: a sweep's curves are those of an ordinary Keras `fit` from the same factors."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest

from overparam_tf import FactorizedDense, LpLoss, Sweep, Variant
from tests.cases import OPTIMIZERS, small_problem

STEPS = 200
DEPTHS = (1, 2, 3)


class LossOfEveryStep(keras.callbacks.Callback):
    """Keras logs running means; a reset before each batch makes them the batch's own loss."""

    def __init__(self):
        super().__init__()
        self.losses = []

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


def fit_with_keras(
    problem, variant, optimizer, rate, loss, dtype
) -> tuple[np.ndarray, keras.Model]:
    layer = variant.layer(problem.features, problem.outputs)
    config = {**layer.get_config(), "dtype": dtype}
    model = keras.Sequential(
        [keras.Input((problem.features,)), FactorizedDense.from_config(config)]
    )
    model.set_weights(layer.get_weights())
    model.compile(optimizer(rate), loss, jit_compile=False)
    losses = LossOfEveryStep()
    data = (
        np.repeat(array[None], STEPS, 0).reshape(-1, array.shape[1])
        for array in (problem.x, problem.y)
    )
    model.fit(*data, batch_size=problem.rows, shuffle=False, verbose=0, callbacks=[losses])
    return np.array(losses.losses), model


def compare(name, depths, biases, dtype, tolerance, p, outputs=1, width=None):
    optimizer, rate = OPTIMIZERS[name]
    rates = (rate, 3 * rate)
    problem = small_problem(outputs=outputs)
    variants = [
        Variant(
            f"depth {depth}, biases {bias}",
            depth,
            width if depth > 1 else None,
            optimizer(1.0),
            rates,
            use_bias=bias,
            use_factor_biases=bias,
            initial_factors=keras.initializers.RandomNormal(stddev=0.3),
        )
        for depth, bias in itertools.product(depths, biases)
    ]
    history = Sweep(problem, variants, LpLoss(p), dtype).run(STEPS, points=2 * STEPS)
    for variant in variants:
        for rate in rates[: 2 if variant is variants[-1] else 1]:
            expected, model = fit_with_keras(
                problem, variant, optimizer, rate, LpLoss(p, dtype=dtype), dtype
            )
            steps, losses = history.curve(variant.name, rate)
            np.testing.assert_allclose(
                losses[:-1], expected[steps[:-1]], rtol=tolerance, err_msg=variant.name
            )
            predicted = history.model(variant.name, rate).predict(problem.x, verbose=0)
            np.testing.assert_allclose(
                predicted, model.predict(problem.x, verbose=0), rtol=50 * tolerance, atol=1e-4
            )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_float64_curves_equal_those_of_fit(name, float64):
    compare(name, DEPTHS, (False, True), "float64", 1e-9, p=4)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_float32_curves_equal_those_of_fit(name):
    compare(name, (3,), (True,), "float32", 1e-4, p=4)


@pytest.mark.parametrize("p", [2, 6])
def test_several_outputs_and_wide_factors(p, float64):
    compare("SGD", (2, 3), (False, True), "float64", 1e-9, p=p, outputs=3, width=5)


def test_float32_on_the_real_scale_of_data():
    problem = small_problem(rows=2565, features=128)
    variant = Variant("GD, depth 2", 2, optimizer="sgd", learning_rates=(1e-3,))
    expected, _ = fit_with_keras(problem, variant, OPTIMIZERS["SGD"][0], 1e-3, LpLoss(4), "float32")
    steps, losses = (
        Sweep(problem, [variant], LpLoss(4)).run(STEPS, points=2 * STEPS).curve("GD, depth 2", 1e-3)
    )
    np.testing.assert_allclose(losses[:-1], expected[steps[:-1]], rtol=1e-4)


def test_the_model_has_the_recorded_loss():
    problem = small_problem()
    history = Sweep(
        problem, [Variant("GD", 2, learning_rates=(0.001, 0.003), seeds=(0, 1))], LpLoss(4)
    ).run(300)
    for run in history.runs.itertuples():
        predicted = history.model("GD", run.learning_rate, run.seed).predict(problem.x, verbose=0)
        assert np.isclose(np.mean((predicted - problem.y) ** 4) / 4, run.final_loss, rtol=1e-5)
