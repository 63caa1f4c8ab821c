"""Labels that are observed in part: losses, gradients and test losses against plain NumPy."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from overparam_tf import History, InputError, LpLoss, RecordedRun, SensingProblem, Sweep, Variant
from overparam_tf import train as train_model
from overparam_tf.datasets import Problem
from overparam_tf.sweep.batched_pass import BatchedPass
from overparam_tf.sweep.whole_pass import WholePass
from tests.cases import small_problem

RNG = np.random.default_rng(5)
RATE, STEPS, P = 1 / 64, 30, 4
MASK = RNG.random((50, 3)) < 0.4


def masked():
    """Return a regression with a mask, under which the labels are held out."""
    problem = small_problem(outputs=3)
    return dataclasses.replace(problem, unobserved=MASK)


def deep(features, outputs):
    shapes = (features, 4), (4, outputs)
    factors = [(RNG.normal(size=shape) * 0.3).astype("float32") for shape in shapes]
    return Variant("deep", 2, 4, learning_rates=(RATE, RATE / 2), initial_factors=factors)


def mean_power(errors, mask):
    return np.mean(errors[mask] ** P) / P


def descent(problem, variant, rows_of=lambda step: slice(None)):
    """Return losses and test losses of gradient descent on the factors, step by step."""
    first, second = (np.array(factor) for factor in variant.initial_factors)
    labels, losses, tests = small_problem(outputs=3).y, [], []
    for step in range(STEPS + 1):
        errors = problem.x @ first @ second - labels
        rows = rows_of(step) if step < STEPS else slice(None)
        losses.append(mean_power(errors[rows], ~MASK[rows]))
        tests.append(mean_power(errors, MASK))
        count = np.count_nonzero(~MASK[rows])
        gradient = problem.x[rows].T @ (errors[rows] ** (P - 1) * ~MASK[rows]) / count
        first, second = first - RATE * gradient @ second.T, second - RATE * first.T @ gradient
    return np.array(losses), np.array(tests)


@pytest.fixture(scope="module")
def case():
    problem = masked()
    variant = deep(problem.features, problem.outputs)
    return problem, variant, Sweep(problem, [variant], LpLoss(P), "float64")


@pytest.fixture(scope="module")
def history(case):
    _, _, sweep = case
    return sweep.run(STEPS, points=100)


def test_losses_and_test_losses_are_means_over_their_labels(case, history):
    problem, variant, _ = case
    losses, tests = descent(problem, variant)
    np.testing.assert_allclose(history.curve("deep", RATE)[1], losses, rtol=1e-12)
    np.testing.assert_allclose(history.test_curve("deep", RATE)[1], tests, rtol=1e-12)
    run = history.run("deep", RATE)
    assert run["final_test_loss"] == history.test_losses[-1, 0]
    assert run["best_test_loss"] == history.test_losses[:, 0].min()
    assert history.frame()["test_loss"].tolist() == history.test_losses.T.ravel().tolist()


def test_a_batch_is_a_mean_over_its_own_observed_labels(case):
    problem, variant, sweep = case
    starts = [(0, 20), (20, 40), (40, 50)]
    losses, tests = descent(problem, variant, lambda step: slice(*starts[step % 3]))
    history = sweep.run(STEPS, points=100, batch_size=20)
    np.testing.assert_allclose(history.curve("deep", RATE)[1], losses, rtol=1e-12)
    np.testing.assert_allclose(history.test_curve("deep", RATE)[1], tests, rtol=1e-12)


def test_an_interrupted_sweep_goes_on_with_the_same_test_losses(case, history, tmp_path):
    _, _, sweep = case

    def stop(progress):
        if progress.step >= 7:
            raise StopIteration

    with pytest.raises(StopIteration):
        sweep.run(
            STEPS,
            points=100,
            checkpoints=tmp_path,
            progress=stop,
            steps_per_call=7,
            seconds_between_checkpoints=0,
        )
    again = sweep.run(STEPS, points=100, checkpoints=tmp_path)
    assert again.test_losses.tobytes() == history.test_losses.tobytes()
    other = dataclasses.replace(masked(), held_out=small_problem(outputs=3))
    with pytest.raises(InputError, match="held_out"):
        Sweep(other, sweep.variants, LpLoss(P), "float64").run(
            STEPS, points=100, checkpoints=tmp_path
        )


def test_a_history_keeps_its_test_losses(history, tmp_path):
    history.save(tmp_path)
    loaded = History.load(tmp_path)
    np.testing.assert_array_equal(loaded.test_losses, history.test_losses)
    halves = [loaded.select([place]) for place in (0, 1)]
    np.testing.assert_array_equal(halves[0].join(halves[1]).test_losses, history.test_losses)
    plain = dataclasses.replace(halves[1], test_losses=None)
    joined = halves[0].join(plain).test_losses
    assert np.isnan(joined[:, 1]).all() and np.isfinite(joined[:, 0]).all()
    with pytest.raises(InputError, match="a problem with held-out labels"):
        plain.test_curve("deep", RATE / 2)


def test_without_an_unobserved_label_the_pass_is_that_of_every_problem():
    problem = small_problem()
    same = dataclasses.replace(problem, unobserved=np.zeros((50, 1), bool))
    assert same.unobserved is False and same.checksum == problem.checksum
    for one in (problem, same):
        (rows,) = WholePass(one, LpLoss(P), "float32")._blocks
        assert rows.is_observed is None
        assert BatchedPass(one, LpLoss(P), "float32", 20)._all.is_observed is None


def test_keras_and_train_minimise_the_same_loss(case):
    problem, variant, _ = case
    losses, _ = descent(problem, variant)
    model = keras.Sequential([keras.Input((problem.features,)), variant.layer(6, 3)])
    model.compile(keras.optimizers.SGD(RATE), LpLoss(P, unobserved=True))
    assert np.isclose(model.evaluate(problem.x, problem.y, 50, verbose=0), losses[0], rtol=1e-5)
    training = train_model(model, problem.x, problem.y, batch_size=50, epochs=STEPS)
    np.testing.assert_allclose(training.steps["loss"], losses[:-1], rtol=1e-4)


def test_sensing_is_a_sum_over_products_with_matrices():
    matrices, kernel = RNG.normal(size=(9, 3, 2)), RNG.normal(size=(3, 2))
    y = np.einsum("iab,ab->i", matrices, kernel)[:, None]
    held_out = Problem("kernel", np.eye(3), kernel, "made here", "none", False)
    problem = SensingProblem(
        "sensing",
        matrices.reshape(9, -1),
        y,
        "made here",
        "none",
        False,
        held_out=held_out,
        shape=(3, 2),
    )
    variant = Variant("GD", learning_rates=0.125, initial_factors=[np.zeros((3, 2))])
    history = Sweep(problem, [variant], LpLoss(2), "float64").run(5, points=10)
    expected, tests, k = [], [], np.zeros((3, 2))
    for _ in range(6):
        errors = np.einsum("iab,ab->i", matrices, k) - y[:, 0]
        expected.append(np.mean(errors**2) / 2)
        tests.append(np.mean((k - kernel) ** 2) / 2)
        k = k - 0.125 * np.einsum("i,iab->ab", errors, matrices) / 9
    np.testing.assert_allclose(history.losses[:, 0], expected, rtol=1e-12)
    np.testing.assert_allclose(history.test_losses[:, 0], tests, rtol=1e-12)
    run = RecordedRun(problem, variant, keras.optimizers.SGD(0.125), LpLoss(2), "float64")
    np.testing.assert_allclose(run.advance(5)[0], expected[:-1], rtol=1e-12)
    with pytest.raises(InputError, match="no biases on a sensing problem, in the variant 'b'"):
        Sweep(problem, [Variant("b", use_bias=True)])
