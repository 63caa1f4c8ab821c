"""Sweeps: divergence, targets, determinism, order of runs, progress, bad input."""

from __future__ import annotations

import signal

import keras
import numpy as np
import pandas as pd
import pytest

from overparam_tf import InputError, LpLoss, Sweep, Variant
from overparam_tf.sweep.devices import make_engine
from overparam_tf.sweep.engine import MAX_STEPS_PER_CALL
from tests.cases import small_problem


def gradient_descent(problem, kernel, rate, steps, p=4):
    """Plain numpy: the loss before each step and after the last."""
    losses = []
    for _ in range(steps + 1):
        error = problem.x @ kernel - problem.y
        losses.append(np.mean(error**p) / p)
        kernel = kernel - rate * problem.x.T @ error ** (p - 1) / problem.rows
    return np.array(losses)


def test_depth_one_is_gradient_descent():
    problem = small_problem()
    variant = Variant("GD", learning_rates=(1e-4, 1e-3))
    history = Sweep(problem, [variant], LpLoss(4), "float64").run(500, points=2000)
    kernel = variant.layer(problem.features, 1).kernel.numpy().astype("float64")
    for rate in variant.learning_rates:
        np.testing.assert_allclose(
            history.curve("GD", rate)[1], gradient_descent(problem, kernel, rate, 500), rtol=1e-10
        )


def test_a_diverging_run_leaves_its_neighbours_alone():
    problem = small_problem()
    quiet = Sweep(problem, [Variant("GD", 2, learning_rates=(1e-3,))], LpLoss(4)).run(100)
    wild = Sweep(problem, [Variant("GD", 2, learning_rates=(10.0, 1e-3, 1.0))], LpLoss(4)).run(100)
    np.testing.assert_allclose(wild.curve("GD", 1e-3)[1], quiet.curve("GD", 1e-3)[1], rtol=1e-5)
    assert wild.runs["status"].tolist() == ["diverged", "finished", "diverged"]
    assert wild.best("GD")["learning_rate"] == 1e-3


def test_divergence_is_dated_by_the_first_loss_that_is_not_finite():
    problem = small_problem()
    variant = Variant("GD", learning_rates=(0.05,))
    row = Sweep(problem, [variant], LpLoss(4), "float64").run(100).runs.iloc[0]
    kernel = variant.layer(problem.features, 1).kernel.numpy().astype("float64")
    with np.errstate(all="ignore"):
        losses = gradient_descent(problem, kernel, 0.05, 100)
    assert row["diverged_at"] == row["steps"] == np.flatnonzero(~np.isfinite(losses))[0]
    assert np.isnan(row["final_loss"])
    assert np.isclose(row["best_loss"], np.nanmin(losses))


def test_best_is_none_where_every_run_diverged():
    assert (
        Sweep(small_problem(), [Variant("GD", learning_rates=(10.0,))], LpLoss(4))
        .run(50)
        .best("GD")
        is None
    )


def test_steps_to_target_are_exact_between_recorded_points():
    problem = small_problem()
    variant = Variant("GD", learning_rates=(1e-3,))
    kernel = variant.layer(problem.features, 1).kernel.numpy().astype("float64")
    losses = gradient_descent(problem, kernel, 1e-3, 3000)
    targets = {
        "half": losses[0] / 2,
        "last": (losses[-1] + losses[-2]) / 2,
        "never": losses.min() / 2,
    }
    row = (
        Sweep(problem, [variant], LpLoss(4), "float64")
        .run(3000, targets=targets, points=10)
        .runs.iloc[0]
    )
    assert row["steps_to_half"] == np.flatnonzero(losses <= targets["half"])[0]
    assert row["steps_to_last"] == 3000
    assert row["steps_to_never"] is pd.NA


def test_the_same_seed_gives_the_same_bits():
    runs = [
        Sweep(small_problem(), [Variant("Adam", 3, optimizer="adam", seeds=(1, 2))]).run(3000)
        for _ in range(2)
    ]
    assert np.array_equal(runs[0].losses, runs[1].losses)
    assert not np.array_equal(runs[0].losses[:, 0], runs[0].losses[:, 1])


def test_calls_of_any_size_give_the_same_bits():
    def engine():
        return make_engine(
            small_problem(), (Variant("Adam", 2, optimizer="adam"),), LpLoss(4), "float32"
        )

    one, many = engine(), engine()
    pieces = [many.advance(size) for size in (1, 2, 40, 7)]
    assert np.array_equal(one.advance(50), np.concatenate(pieces))
    assert np.array_equal(one.evaluate(), many.evaluate())


def test_runs_longer_than_one_call():
    steps = MAX_STEPS_PER_CALL + 100
    history = Sweep(small_problem(), [Variant("GD", learning_rates=(1e-3,))]).run(steps, points=50)
    assert history.steps[[0, -1]].tolist() == [0, steps]
    assert np.isfinite(history.losses).all()
    assert (np.diff(history.losses[:, 0]) <= 0).all()


def test_variants_with_and_without_biases_share_a_sweep():
    problem = small_problem()
    plain, biased = Variant("plain", 2), Variant("biased", 2, use_bias=True)
    together = Sweep(problem, [plain, biased], LpLoss(4), "float64").run(50)
    for variant in (plain, biased):
        alone = Sweep(problem, [variant], LpLoss(4), "float64").run(50)
        np.testing.assert_allclose(
            together.curve(variant.name, 1e-3)[1], alone.curve(variant.name, 1e-3)[1], rtol=1e-12
        )


def test_progress_tells_steps_and_losses():
    seen = []
    Sweep(small_problem(), [Variant("GD", learning_rates=(1e-3, 10.0))]).run(
        300, progress=seen.append
    )
    assert seen[-1].step == seen[-1].steps == 300
    assert [progress.step for progress in seen] == sorted({progress.step for progress in seen})
    assert 0 < seen[-1].losses["GD"] < seen[0].losses["GD"]


def test_an_interrupt_returns_what_there_is():
    def interrupt(progress):
        if progress.step >= 5:
            signal.raise_signal(signal.SIGINT)

    history = Sweep(small_problem(), [Variant("GD")]).run(10**6, progress=interrupt)
    row = history.runs.iloc[0]
    assert row["status"] == "interrupted" and 5 <= row["steps"] < 10**6
    assert np.isfinite(row["final_loss"])


def test_given_factors_are_the_start():
    problem = small_problem()
    factors = [np.full((6, 2), 0.1), np.full((2, 1), 0.2)]
    history = Sweep(
        problem, [Variant("GD", 2, 2, initial_factors=factors)], LpLoss(2), "float64"
    ).run(1)
    expected = np.mean((problem.x @ factors[0] @ factors[1] - problem.y) ** 2) / 2
    assert np.isclose(history.losses[0, 0], expected, rtol=1e-6)


BAD_VARIANTS = {
    "empty name": (dict(name=" "), "non-empty name"),
    "depth zero": (dict(depth=0), "depth"),
    "depth true": (dict(depth=True), "depth"),
    "fractional factors": (dict(depth=1.5), "fractional"),
    "depth infinite": (dict(depth=float("inf")), "depth"),
    "no rates": (dict(learning_rates=()), "learning_rates"),
    "negative rate": (dict(learning_rates=(-1e-3,)), "learning_rates"),
    "NaN rate": (dict(learning_rates=(float("nan"),)), "learning_rates"),
    "rate twice": (dict(learning_rates=(0.1, 0.1)), "none twice"),
    "rate as text": (dict(learning_rates=("fast",)), "learning_rates"),
    "rates in rows": (dict(learning_rates=([0.1], [0.1, 0.2])), "learning_rates"),
    "seed fractional": (dict(seeds=(0.5,)), "seeds"),
    "seed negative": (dict(seeds=(-1,)), "seeds"),
    "unknown optimizer": (dict(optimizer="sdg"), "optimizer"),
    "optimizer of other numbers": (
        dict(optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())),
        "elementwise",
    ),
    "clipping by norm": (dict(optimizer=keras.optimizers.SGD(clipnorm=1.0)), "clipnorm"),
    "averaged weights": (dict(optimizer=keras.optimizers.Adam(use_ema=True)), "use_ema"),
    "unknown update": (dict(update="magic"), "update"),
    "rule with Adam": (dict(update="end_to_end", optimizer="adam"), "SGD without momentum"),
    "rule with factor biases": (
        dict(update="end_to_end", use_factor_biases=True),
        "use_factor_biases",
    ),
}


@pytest.mark.parametrize("case", BAD_VARIANTS)
def test_bad_variants_get_one_clear_line(case):
    arguments, expected = BAD_VARIANTS[case]
    with pytest.raises(InputError, match=expected) as caught:
        Variant(**{"name": "v", **arguments})
    assert "\n" not in str(caught.value) and "Received" in str(caught.value)


BAD_SWEEPS = {
    "no variant": lambda problem: Sweep(problem, []),
    "name twice": lambda problem: Sweep(problem, [Variant("a"), Variant("a", 2)]),
    "no LpLoss": lambda problem: Sweep(problem, [Variant("a")], "mse"),
    "unknown dtype": lambda problem: Sweep(problem, [Variant("a")], dtype="float16"),
    "no steps": lambda problem: Sweep(problem, [Variant("a")]).run(0),
    "half a step": lambda problem: Sweep(problem, [Variant("a")]).run(1.5),
    "factors of other shapes": lambda problem: Sweep(
        problem, [Variant("a", 2, initial_factors=[np.ones((6, 1))])]
    ).run(1),
    "no such variant": lambda problem: Sweep(problem, [Variant("a")]).run(1).best("b"),
    "no such run": lambda problem: Sweep(problem, [Variant("a")]).run(1).model("a", 0.7),
}


@pytest.mark.parametrize("case", BAD_SWEEPS)
def test_bad_sweeps_get_one_clear_line(case):
    with pytest.raises(InputError, match="Received") as caught:
        BAD_SWEEPS[case](small_problem())
    assert "\n" not in str(caught.value)
