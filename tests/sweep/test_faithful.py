"""Faithfulness: a sweep's curves are those of an ordinary Keras `fit` from the same factors."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest

from overparam_tf import FactorizedDense, LpLoss, Sweep, Variant
from tests.cases import MIXING_OPTIMIZERS, OPTIMIZERS, small_problem

STEPS = 200
DEPTHS = (1, 2, 3)


class LossesOfEveryStep(keras.callbacks.Callback):
    """Keep the losses that each step logs."""

    def __init__(self, names):
        super().__init__()
        self.names = names
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append([logs[name] for name in self.names])


class LogsOfEveryStep(keras.Model):
    """Keras logs running means; a reset before each batch makes them the batch's own losses."""

    def train_step(self, data):
        for metric in self.metrics:
            metric.reset_state()
        return super().train_step(data)


def fit_with_keras(
    problem, variants, optimizer, rates, loss, dtype
) -> list[tuple[np.ndarray, list[np.ndarray]]]:
    """Fit a layer of each variant; return losses (steps, variants) and predictions of each rate.

    The layers are the outputs of one model: no weight is shared, and every optimizer here treats
    each weight by itself, so that each is trained as if it were alone.
    """
    inputs = keras.Input((problem.features,))
    outputs = {}
    for place, variant in enumerate(variants):
        layer = variant.layer(problem.features, problem.outputs)
        config = {**layer.get_config(), "dtype": dtype, "name": f"variant_{place}"}
        copy = FactorizedDense.from_config(config)
        outputs[copy.name] = copy(inputs)
        copy.set_weights(layer.get_weights())
    model = LogsOfEveryStep(inputs, outputs)
    model.compile(optimizer(rates[0]), dict.fromkeys(outputs, loss), jit_compile=False)
    # An optimizer that `fit` builds has its step traced twice.
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    start = [variable.numpy() for variable in variables]
    results = []
    for rate in rates:
        for variable, value in zip(variables, start, strict=True):
            variable.assign(value)
        model.optimizer.learning_rate = rate
        losses = losses_of_fit(model, problem, outputs)
        predicted = model.predict(problem.x, verbose=0)
        results.append((losses, [predicted[name] for name in outputs]))
    return results


def losses_of_fit(model, problem, outputs):
    """Fit all rows as one batch, step by step; return the losses (steps, outputs) before each."""
    is_alone = len(outputs) == 1
    losses = LossesOfEveryStep(["loss"] if is_alone else [f"{name}_loss" for name in outputs])
    x, y = (
        np.repeat(array[None], STEPS, 0).reshape(-1, array.shape[1])
        for array in (problem.x, problem.y)
    )
    model.fit(
        x,
        dict.fromkeys(outputs, y),
        batch_size=problem.rows,
        shuffle=False,
        verbose=0,
        callbacks=[losses],
    )
    return np.array(losses.losses)


def compare(name, depths, biases, dtype, tolerance, p, outputs=1, width=None):
    optimizer, rate = (OPTIMIZERS | MIXING_OPTIMIZERS)[name]
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
    results = fit_with_keras(problem, variants, optimizer, rates, LpLoss(p, dtype=dtype), dtype)
    # At the higher rate the last variant alone amplifies no round-off.
    for rate, compared, (expected, predictions) in zip(
        rates, (variants, variants[-1:]), results, strict=True
    ):
        fitted = zip(variants, expected.T, predictions, strict=True)
        for variant, losses_of_keras, predicted in list(fitted)[-len(compared) :]:
            steps, losses = history.curve(variant.name, rate)
            np.testing.assert_allclose(
                losses[:-1], losses_of_keras[steps[:-1]], rtol=tolerance, err_msg=variant.name
            )
            ours = history.model(variant.name, rate)(problem.x.astype(dtype))
            np.testing.assert_allclose(ours, predicted, rtol=50 * tolerance, atol=1e-4)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_float64_curves_equal_those_of_fit(name, float64):
    compare(name, DEPTHS, (False, True), "float64", 1e-9, p=4)


@pytest.mark.parametrize("name", MIXING_OPTIMIZERS)
def test_runs_that_are_updated_one_by_one_equal_those_of_fit(name, float64):
    line = f"{name} mixes the entries of a matrix: the 2 runs of the variant 'depth 2, biases True'"
    with pytest.warns(UserWarning, match=line):
        compare(name, (2,), (True,), "float64", 1e-9, p=4, outputs=2, width=3)


# The others differ from these in nothing that float32 rounds otherwise.
FLOAT32 = [name for name in OPTIMIZERS if name not in ("Adamax", "Nadam", "Lion", "Ftrl")]


@pytest.mark.parametrize("name", FLOAT32)
def test_float32_curves_equal_those_of_fit(name):
    compare(name, (3,), (True,), "float32", 1e-4, p=4)


@pytest.mark.parametrize("p", [2, 6])
def test_several_outputs_and_wide_factors(p, float64):
    compare("SGD", (2, 3), (False, True), "float64", 1e-9, p=p, outputs=3, width=5)


def test_float32_on_the_real_scale_of_data():
    problem = small_problem(rows=2565, features=128)
    variant = Variant("GD, depth 2", 2, optimizer="sgd", learning_rates=(1e-3,))
    ((expected, _),) = fit_with_keras(
        problem, [variant], OPTIMIZERS["SGD"][0], (1e-3,), LpLoss(4), "float32"
    )
    steps, losses = (
        Sweep(problem, [variant], LpLoss(4)).run(STEPS, points=2 * STEPS).curve("GD, depth 2", 1e-3)
    )
    np.testing.assert_allclose(losses[:-1], expected[steps[:-1], 0], rtol=1e-4)


def test_the_model_has_the_recorded_loss():
    problem = small_problem()
    history = Sweep(
        problem, [Variant("GD", 2, learning_rates=(0.001, 0.003), seeds=(0, 1))], LpLoss(4)
    ).run(300)
    for run in history.runs.itertuples():
        predicted = history.model("GD", run.learning_rate, run.seed).predict(problem.x, verbose=0)
        assert np.isclose(np.mean((predicted - problem.y) ** 4) / 4, run.final_loss, rtol=1e-5)
