"""`emulate`, the sweep's end-to-end variant and training of factors: three routes to one curve."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from overparam_tf import EndToEndSGD, InputError, LpLoss, Sweep, Variant, balanced_factors, emulate
from overparam_tf.dynamics import dense_reference
from tests.cases import small_problem


def numpy_emulation(problem, kernel, steps, rate, depth, p, decay):
    """Plain numpy, the rule as the literal sum of Theorem 1."""
    losses = []
    for _ in range(steps):
        error = problem.x @ kernel - problem.y
        losses.append(np.mean(error**p) / p)
        gradient = problem.x.T @ error ** (p - 1) / error.size
        update = dense_reference.literal_sum(kernel, gradient, depth)
        kernel = (1 - rate * decay * depth) * kernel - rate * update
    return np.array(losses), kernel


@pytest.mark.parametrize("p", [2, 4])
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("outputs", [1, 3])
def test_emulation_equals_the_literal_rule(p, depth, outputs):
    problem = small_problem(outputs=outputs)
    kernel = 0.3 * np.random.default_rng(1).normal(size=(6, outputs))
    run = emulate(problem.x, problem.y, kernel, 30, 1e-3, depth, p, weight_decay=0.1)
    losses, last = numpy_emulation(problem, kernel, 30, 1e-3, depth, p, 0.1)
    np.testing.assert_allclose(run.losses, losses, rtol=1e-9)
    np.testing.assert_allclose(run.kernel, last, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 2.5, 3])
def test_the_sweep_variant_equals_emulate(depth):
    problem = small_problem()
    variant = Variant(
        "rule",
        depth,
        optimizer=keras.optimizers.SGD(weight_decay=0.05),
        learning_rates=(1e-3, 1e-4),
        update="end_to_end",
        initial_factors=keras.initializers.RandomNormal(stddev=0.5),
    )
    history = Sweep(problem, [variant], LpLoss(4), "float64").run(200, points=1000)
    start = variant.layer(6, 1).kernel.numpy().astype("float64")
    for rate in variant.learning_rates:
        run = emulate(problem.x, problem.y, start, 200, rate, depth, p=4, weight_decay=0.05)
        np.testing.assert_allclose(history.curve("rule", rate)[1][:-1], run.losses, rtol=1e-9)


@pytest.mark.parametrize("depth", [2, 2.5])
@pytest.mark.parametrize("outputs", [1, 3])
def test_a_dense_layer_with_end_to_end_sgd_equals_emulate(depth, outputs, float64):
    problem = small_problem(outputs=outputs)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(outputs, use_bias=False)])
    start = model.layers[0].kernel.numpy()
    model.compile(EndToEndSGD(1e-3, depth=depth, weight_decay=0.1), LpLoss(4), jit_compile=False)
    model.fit(problem.x, problem.y, batch_size=problem.rows, epochs=50, verbose=0)
    run = emulate(problem.x, problem.y, start, 50, 1e-3, depth, p=4, weight_decay=0.1)
    np.testing.assert_allclose(model.layers[0].kernel.numpy(), run.kernel, rtol=1e-9)


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("width", [1, 5])
def test_the_gap_to_real_training_is_proportional_to_the_rate(depth, width):
    problem, kernel = small_problem(), np.random.default_rng(1).normal(size=(6, 1))
    # Half the rate and twice the steps cover the same time, so that the gap halves too.
    steps_by_rate = {4e-3: 300, 2e-3: 600, 1e-3: 1200}
    start = {
        "learning_rates": tuple(steps_by_rate),
        "initial_factors": balanced_factors(kernel, depth, width),
    }
    real = Variant("real", depth, width, **start)
    rule = Variant("rule", depth, width, **start, update="end_to_end")
    history = Sweep(problem, [real, rule], LpLoss(2), "float64").run(1200, points=1201)
    gaps = []
    for rate, steps in steps_by_rate.items():
        curves = [history.curve(name, rate)[1][: steps + 1] for name in ("real", "rule")]
        gaps.append(np.max(np.abs(curves[0] / curves[1] - 1)))
    slopes = np.log2(np.array(gaps[:-1]) / gaps[1:])
    assert gaps[0] < 0.1 and (np.abs(slopes - 1) < 0.1).all()


BAD = {
    "odd p": dict(p=3),
    "depth below one": dict(depth=0.5),
    "no iterations": dict(iterations=0),
    "half an iteration": dict(iterations=1.5),
    "rate zero": dict(learning_rate=0.0),
    "rate NaN": dict(learning_rate=np.nan),
    "negative decay": dict(weight_decay=-1.0),
    "kernel of another shape": dict(w_init=np.ones((5, 1))),
    "kernel of words": dict(w_init=["a"]),
    "labels of other rows": dict(y=np.ones((4, 1))),
    "kernel with NaN": dict(w_init=np.full((6, 1), np.nan)),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_clear_line(case):
    problem = small_problem()
    arguments = dict(
        x=problem.x, y=problem.y, w_init=np.ones((6, 1)), iterations=2, learning_rate=0.1, depth=2
    )
    with pytest.raises(InputError, match="Received") as caught:
        emulate(**{**arguments, **BAD[case]})
    assert "\n" not in str(caught.value)
