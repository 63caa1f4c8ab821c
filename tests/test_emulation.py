"""`emulate`, the sweep's end-to-end variant and training of factors: three routes to one curve."""

from __future__ import annotations

import itertools
from dataclasses import replace

import keras
import numpy as np
import pytest

from overparam_tf import (
    EndToEnd,
    EndToEndSGD,
    InputError,
    LpLoss,
    Sweep,
    Variant,
    balanced_factors,
    emulate,
)
from overparam_tf.dynamics import conserved_imbalance, dense_reference
from tests.cases import fit_whole_data, small_problem


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


def test_the_sweep_variant_takes_several_outputs_at_depth_two():
    problem = small_problem(outputs=3)
    variant = Variant("rule", 2, learning_rates=1e-3, update="end_to_end", use_bias=True)
    variant = replace(variant, initial_factors=keras.initializers.RandomNormal(stddev=0.5))
    history = Sweep(problem, [variant], LpLoss(4), "float64").run(50, points=1000)
    kernel, bias = variant.layer(6, 3).kernel.numpy().astype("float64"), 0.0
    for loss in history.curve("rule", 1e-3)[1]:
        error = problem.x @ kernel + bias - problem.y
        assert loss == pytest.approx(np.mean(error**4) / 4, rel=1e-9)
        gradient = problem.x.T @ error**3 / error.size
        kernel = kernel - 1e-3 * dense_reference.literal_sum(kernel, gradient, 2)
        bias = bias - 1e-3 * np.sum(error**3, axis=0) / error.size


def test_the_preconditioned_variant_is_the_optimizer_behind_the_rule():
    problem, rate, make = small_problem(), 2.0**-7, keras.optimizers.Adam
    variant = Variant("Adam", 2.5, learning_rates=rate, optimizer=make(), update="preconditioned")
    start = keras.initializers.RandomNormal(stddev=0.5)
    variant = replace(variant, initial_factors=start)
    history = Sweep(problem, [variant], LpLoss(4), "float64").run(20, points=1000)
    kernel = keras.Variable(variant.layer(6, 1).kernel.numpy(), dtype="float64")
    optimizer = EndToEnd(make(rate), 2.5)
    for loss in history.curve("Adam", rate)[1]:
        error = problem.x @ kernel.numpy() - problem.y
        assert loss == pytest.approx(np.mean(error**4) / 4, rel=1e-6)
        gradient = keras.ops.convert_to_tensor(problem.x.T @ error**3 / error.size)
        optimizer.apply([gradient], [kernel])


@pytest.mark.parametrize("depth", [2, 2.5])
@pytest.mark.parametrize("outputs", [1, 3])
def test_a_dense_layer_with_end_to_end_sgd_equals_emulate(depth, outputs, float64):
    problem = small_problem(outputs=outputs)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(outputs, use_bias=False)])
    start = model.layers[0].kernel.numpy()
    model.compile(EndToEndSGD(1e-3, depth=depth, weight_decay=0.1), LpLoss(4), jit_compile=False)
    fit_whole_data(model, problem.x, problem.y, 50)
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


def test_the_gap_from_unbalanced_starts_is_proportional_to_the_rate():
    """Depths 2, 3 and 4 from small random factors, until every run has left the plateau."""
    problem, rates, steps = small_problem(60, 40), (1e-3, 2e-3), 10_000
    # At depth 2 and seed 7 the number passes zero at the first steps, and with it the kernel, whose
    # direction is then known from no closer than a step: proportional at smaller rates only.
    seeds = (0, 1, 2, 3, 4, 5, 6, 8)
    deviations = {2: 0.1, 3: 0.1, 4: 0.3}
    variants = [
        Variant(
            f"{update}, {depth}",
            depth,
            width=1,
            learning_rates=rates,
            seeds=seeds,
            initial_factors=keras.initializers.RandomNormal(stddev=deviation),
            update=update,
        )
        for depth, deviation in deviations.items()
        for update in ("factors", "unbalanced")
    ]
    history = Sweep(problem, variants, LpLoss(2), "float64").run(steps, points=steps + 1)
    for depth, seed in itertools.product(deviations, seeds):
        gaps = []
        # The same time for both rates: half of the steps at twice the rate.
        for rate, end in zip(rates, (steps, steps // 2), strict=True):
            real, rule = (
                history.curve(f"{update}, {depth}", rate, seed)[1][: end + 1]
                for update in ("factors", "unbalanced")
            )
            assert real[-1] < 0.1 * np.mean(problem.y**2)
            gaps.append(np.max(np.abs(real / rule - 1)))
        assert 0.9 < np.log2(gaps[1] / gaps[0]) < 1.1, (depth, seed)


def real_training(problem, factors, steps, rate, p, decay):
    """Plain numpy, the factors themselves."""
    losses = []
    for _ in range(steps):
        error = problem.x @ dense_reference.product(factors) - problem.y
        losses.append(np.mean(error**p) / p)
        gradient = problem.x.T @ error ** (p - 1) / error.size
        factors = dense_reference.descend(factors, gradient, rate, decay)
    return np.array(losses), dense_reference.product(factors)


UNBALANCED = [0.5 * np.random.default_rng(2).normal(size=(6, 1)), *np.full((3, 1, 1), 0.3)]


@pytest.mark.parametrize(("depth", "decay"), [(2, 0.0), (4, 0.1)])
def test_exact_order_is_real_training_at_a_large_rate(depth, decay):
    problem, factors = small_problem(), UNBALANCED[:depth]
    losses, kernel = real_training(problem, factors, 300, 0.02, 2, decay)
    run = emulate(
        problem.x,
        problem.y,
        dense_reference.product(factors),
        300,
        0.02,
        depth,
        weight_decay=decay,
        imbalance=conserved_imbalance(factors),
        order="exact",
    )
    np.testing.assert_allclose(run.losses, losses, rtol=1e-9)
    np.testing.assert_allclose(run.kernel, kernel, rtol=1e-9)
    assert run.imbalance.shape == (depth - 1,)


@pytest.mark.parametrize(("depth", "outputs"), [(3, 1), (2, 3)])
def test_exact_order_from_a_balanced_start(depth, outputs):
    problem = small_problem(outputs=outputs)
    kernel = 0.3 * np.random.default_rng(1).normal(size=(6, outputs))
    factors = dense_reference.balanced_factors(kernel, depth)
    losses, last = real_training(problem, factors, 200, 2e-3, 4, 0.1)
    data = problem.x, problem.y, kernel
    run = emulate(*data, 200, 2e-3, depth, 4, 0.1, order="exact")
    np.testing.assert_allclose(run.losses, losses, rtol=1e-9)
    np.testing.assert_allclose(run.kernel, last, rtol=1e-9)


def test_the_unbalanced_rule_parts_from_real_training_in_proportion_to_the_rate():
    problem, gaps, decay = small_problem(), [], 0.1
    kernel, delta = dense_reference.product(UNBALANCED), conserved_imbalance(UNBALANCED)
    for rate, steps in ((4e-3, 300), (2e-3, 600), (1e-3, 1200)):
        losses, _ = real_training(problem, UNBALANCED, steps, rate, 2, decay)
        run = emulate(problem.x, problem.y, kernel, steps, rate, 4, 2, decay, imbalance=delta)
        gaps.append(np.max(np.abs(run.losses / losses - 1)))
    assert gaps[0] < 0.1 and (np.abs(np.log2(np.divide(gaps[:-1], gaps[1:])) - 1) < 0.1).all()


def test_emulation_and_sweep_take_the_same_rules():
    problem, depth, rate = small_problem(), 2, 1e-3
    options = {
        "depth": depth,
        "width": 1,
        "learning_rates": rate,
        "optimizer": keras.optimizers.SGD(weight_decay=0.05),
        "initial_factors": UNBALANCED[:depth],
    }
    updates = ("factors", "unbalanced", "exact")
    variants = [Variant(update, **options, update=update) for update in updates]
    history = Sweep(problem, variants, LpLoss(4), "float64").run(200, points=1000)
    curves = {update: history.curve(update, rate)[1] for update in updates}
    np.testing.assert_allclose(curves["exact"], curves["factors"], rtol=1e-9)
    # The layer keeps its initial factors in float32.
    factors = [factor.numpy().astype("float64") for factor in variants[0].layer(6, 1).factors]
    start = dense_reference.product(factors)
    for update, order in (("unbalanced", "flow"), ("exact", "exact")):
        run = emulate(
            problem.x,
            problem.y,
            start,
            200,
            rate,
            depth,
            4,
            0.05,
            imbalance=conserved_imbalance(factors),
            order=order,
        )
        np.testing.assert_allclose(curves[update][:-1], run.losses, rtol=1e-9)


@pytest.mark.parametrize(("width", "outputs"), [(3, 3)])
def test_the_exact_variant_takes_any_two_factors(width, outputs):
    problem = small_problem(outputs=outputs)
    options = {
        "depth": 2,
        "width": width,
        "learning_rates": (2e-3, 1e-3),
        "initial_factors": keras.initializers.RandomNormal(stddev=0.5),
    }
    variants = [
        Variant(update, **options, use_bias=True, update=update) for update in ("factors", "exact")
    ]
    history = Sweep(problem, variants, LpLoss(4), "float64").run(200)
    for rate in options["learning_rates"]:
        real, exact = (history.curve(name, rate)[1] for name in ("factors", "exact"))
        np.testing.assert_allclose(exact, real, rtol=1e-9)


# What the kernel does not determine.
UNDETERMINED = {
    "wide": dict(depth=3, width=2, update="exact"),
    "narrow": dict(outputs=3, depth=2, width=2, update="exact"),
    "wide flow": dict(depth=2, width=2, update="unbalanced"),
    "zero kernel": dict(
        depth=2, initial_factors=[np.ones((6, 1)), np.zeros((1, 1))], update="exact"
    ),
}


@pytest.mark.parametrize("case", UNDETERMINED)
def test_a_sweep_refuses_what_the_kernel_does_not_determine(case):
    options = dict(UNDETERMINED[case])
    problem = small_problem(outputs=options.pop("outputs", 1))
    with pytest.raises(InputError, match="the variant 'rule'") as caught:
        Sweep(problem, [Variant("rule", **options)]).run(1)
    assert "\n" not in str(caught.value)


BAD = {
    "imbalance of another depth": dict(imbalance=[0.1, 0.2]),
    "imbalance of a word": dict(imbalance=["a"]),
    "imbalance with NaN": dict(imbalance=[np.nan]),
    "imbalance at a fractional depth": dict(imbalance=[0.1], depth=2.5),
    "imbalance of zero": dict(imbalance=[0.1], w_init=np.zeros((6, 1))),
    "another order": dict(order="second"),
    "exact at a fractional depth": dict(order="exact", depth=1.5),
    "exact with several outputs": dict(
        order="exact", depth=3, y=np.ones((50, 2)), w_init=np.ones((6, 2))
    ),
    "imbalance with several outputs": dict(
        imbalance=[0.1], y=np.ones((50, 2)), w_init=np.ones((6, 2))
    ),
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
