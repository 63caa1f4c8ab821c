"""The Hessian by two other routes, a single run against the sweep, the mechanism on a small problem, bad input."""

from __future__ import annotations

import json

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from experiments.late_divergence.claims import followed, over_the_swing
from experiments.late_divergence.experiment import main, sharpness_at_floor
from experiments.late_divergence.follow import crossing
from overparam_tf import LpLoss, Problem, Sweep, Variant, convex_floor
from overparam_tf.dynamics import dense_reference
from overparam_tf.dynamics.sharpness import hessian, kernel_hessian, sharpness
from overparam_tf.sweep.recorded_run import RecordedDescent
from tests.event_files import events
from tests.experiments.refusals import assert_refused

FIGURES = ["crossing", "last_steps", "remedies"]
PLAIN = "constant rate"


def data(rows=30, features=4):
    rng = np.random.default_rng(0)
    return rng.standard_normal((rows, features)), rng.standard_normal((rows, 1))


def factors(depth, features=4):
    rng = np.random.default_rng(1)
    return [
        rng.standard_normal((features, 1)),
        *(rng.standard_normal((1, 1)) for _ in range(depth - 1)),
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("logs")
    # From a balanced start there is no long plateau to leave first.
    options = [
        "--data",
        "synthetic",
        "--init",
        "balanced",
        "--learning-rate",
        "0.02",
        "--steps",
        "1200",
        "--clips",
        "1",
    ]
    main(["--logdir", str(logdir), "--quiet", "--quick", *options])
    return next((logdir / "late_divergence").iterdir())


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
@pytest.mark.parametrize("p", [2, 4, 6])
def test_hessian_against_finite_differences_of_the_gradient(depth, p):
    (x, y), point = data(), factors(depth)
    sizes = np.cumsum([factor.size for factor in point])

    def gradient(entries):
        parts = [
            part.reshape(f.shape)
            for part, f in zip(np.split(entries, sizes[:-1]), point, strict=True)
        ]
        error = x @ dense_reference.product(parts) - y
        # One step at rate 1 from the same factors is minus the gradient.
        moved = dense_reference.descend(parts, x.T @ error ** (p - 1) / len(x), 1.0)
        return np.concatenate([(f - new).ravel() for f, new in zip(parts, moved, strict=True)])

    at, step = np.concatenate([factor.ravel() for factor in point]), 1e-5
    columns = [
        (gradient(at + step * unit) - gradient(at - step * unit)) / (2 * step)
        for unit in np.eye(len(at))
    ]
    exact = hessian(point, x, y, p)[0]
    np.testing.assert_allclose(exact, np.array(columns), rtol=1e-6, atol=1e-7 * np.abs(exact).max())


def test_sharpness_against_autodiff():
    (x, y), point = data(), factors(3)
    variables = [tf.Variable(factor) for factor in point]
    with tf.GradientTape(persistent=True) as outer:
        with tf.GradientTape() as inner:
            loss = tf.reduce_mean((x @ variables[0] @ variables[1] @ variables[2] - y) ** 4) / 4
        flat = tf.concat([tf.reshape(g, (-1,)) for g in inner.gradient(loss, variables)], 0)
    rows = [
        tf.reshape(outer.jacobian(flat, v, experimental_use_pfor=False), (6, -1)) for v in variables
    ]
    matrix = tf.concat(rows, 1).numpy()
    found = sharpness(point, x, y, 4)
    assert found.value == pytest.approx(np.linalg.eigvalsh(matrix).max())
    np.testing.assert_allclose(
        matrix @ found.direction, found.value * found.direction, atol=1e-8 * found.value
    )


def test_sharpness_of_a_blown_up_run_is_nan():
    x, y = data()
    assert np.isnan(sharpness([np.full((4, 1), np.inf), np.ones((1, 1))], x, y, 4).value)


def test_at_balanced_factors_of_a_minimum_the_preconditioner_gives_the_sharpness():
    x, y = data()
    problem = Problem("small", x, y, "random", "none", synthetic=True)
    kernel = convex_floor(x, y, 4).kernel

    class Depths:
        shallower, depth = 2, 3

    found = sharpness_at_floor(problem, Depths)
    s = np.linalg.norm(kernel) ** (1 / 3)
    split = [kernel / s**2, np.array([[s]]), np.array([[s]])]
    assert found["3"] == pytest.approx(sharpness(split, x, y, 4).value, rel=1e-5)
    error = (x @ kernel - y)[:, 0]
    assert found["1"] == pytest.approx(np.linalg.eigvalsh(kernel_hessian(error, x, 4))[-1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_recorded_run_is_that_of_the_sweep(dtype):
    x, y = data()
    problem = Problem("small", x, y, "random", "none", synthetic=True)
    variant = Variant("GD", depth=3, learning_rates=(0.02,), initial_factors=factors(3))
    history = Sweep(problem, [variant], LpLoss(4), dtype).run(40)
    descent = RecordedDescent(problem, variant, keras.optimizers.SGD(0.02), LpLoss(4), dtype)
    parts = [descent.advance(steps) for steps in (25, 16)]
    losses, entries = (np.concatenate(values) for values in zip(*parts, strict=True))
    np.testing.assert_allclose(losses, history.curve("GD", 0.02)[1], rtol=1e-5)
    for factor, trained in zip(descent.factors(entries[40]), history.weights[0], strict=True):
        np.testing.assert_allclose(factor, trained, rtol=1e-4)


def test_clipping_is_by_the_norm_of_all_factors():
    x, y = data()
    problem = Problem("small", x, 100 * y, "random", "none", synthetic=True)
    variant = Variant("GD", depth=2, initial_factors=factors(2))
    descent = RecordedDescent(
        problem, variant, keras.optimizers.SGD(0.1, global_clipnorm=0.5), LpLoss(4), "float64"
    )
    _, entries = descent.advance(3)
    np.testing.assert_allclose(np.linalg.norm(np.diff(entries, axis=0), axis=1), 0.1 * 0.5)


@pytest.mark.parametrize("depth", [2, 3])
def test_the_balance_moves_by_differences_of_squared_steps(depth):
    x, y = data()
    problem = Problem("small", x, y, "random", "none", synthetic=True)
    variant = Variant("GD", depth=depth, initial_factors=factors(depth))
    descent = RecordedDescent(problem, variant, keras.optimizers.SGD(0.01), LpLoss(4), "float64")
    _, entries = descent.advance(50)
    squares = np.array([[np.sum(factor**2) for factor in descent.factors(row)] for row in entries])
    steps = np.array(
        [[np.sum(step**2) for step in descent.factors(row)] for row in np.diff(entries, axis=0)]
    )
    moved, added = np.diff(squares[-1] - squares[0]), np.diff(steps.sum(0))
    np.testing.assert_allclose(moved, added, rtol=1e-9)


def test_a_crossing_by_hand():
    trace = pd.DataFrame(
        {"step": [0, 10, 20, 30], "sharpness": [1.0, 1.5, 2.5, 1.0], "threshold": 2.0}
    )
    assert crossing(trace) == 15
    assert crossing(trace[:2]) is None


def test_the_stretch_to_follow_is_above_the_noise_and_still_small():
    swing = np.concatenate([np.full(50, 1e-9), 1e-9 * np.exp(0.5 * np.arange(50))])
    part = followed(np.arange(100), swing, 50.0)
    assert swing[part.start] > 30e-9 and swing[part.stop - 1] < 1e-3 and part.stop - part.start > 15


def test_the_sharpness_is_taken_on_both_sides_of_a_swing():
    sharpness = [1.0, 1.5, 2.1, 1.9, 2.12, 2.0, 9.0]
    run = pd.DataFrame(
        {"step": [0, 10, 64, 65, 128, 129, 192], "sharpness": sharpness, "threshold": 2.0}
    )
    steps, quotient = over_the_swing(run)
    assert steps.tolist() == [0, 10, 64.5, 128.5] and quotient.tolist() == pytest.approx(
        [0.5, 0.75, 1, 1.03]
    )
    steps, quotient = over_the_swing(run[:3])
    assert steps.tolist() == [0, 10, 64] and quotient.tolist() == pytest.approx([0.5, 0.75, 1.05])


def test_the_mechanism_on_a_small_run(finished):
    results = pd.read_csv(finished / "results.csv").set_index("method")
    plain = results.loc[PLAIN]
    assert plain["status"] == "diverged" and plain["crossed_at"] < plain["steps"]
    trace = pd.read_csv(finished / "trace.csv")
    before = trace[(trace["method"] == PLAIN) & (trace["step"] < plain["crossed_at"])]
    assert (before["sharpness"] < 2 / 0.008).all() and before["loss"].iloc[-1] < 0.5
    capped = trace[trace["method"].str.startswith("capped")]
    assert (capped["sharpness"] * capped["rate"] < 2).all() and results.loc[
        capped["method"], "status"
    ].eq("finished").all()
    with np.load(finished / "curves.npz", allow_pickle=False) as curves:
        steps = curves[f"{PLAIN}/tail_steps"]
    assert steps[-1] == plain["steps"] - 2 and np.all(np.diff(steps) == 1)


def test_the_run_folder_explains_itself(finished):
    config = json.loads((finished / "config.json").read_text())
    assert set(config["at_floor"]) == {"1", "2", "3"} and {"command", "commit", "versions"} <= set(
        config
    )
    assert sorted(path.stem for path in (finished / "figures").glob("*.png")) == FIGURES
    assert "synthetic" in finished.name


def test_redraw_needs_only_the_folder(finished, capsys):
    for figure in (finished / "figures").iterdir():
        figure.unlink()
    main(["--logdir", str(finished.parents[1]), "--redraw", finished.name])
    shown = capsys.readouterr().out
    assert sorted(path.stem for path in (finished / "figures").iterdir()) == FIGURES
    assert (
        "held  sharpness passes 2 / rate before every blow-up" in shown and "What to do:" in shown
    )
    assert {"results", "claims", "advice", *(f"figures/{name}" for name in FIGURES)} <= set(
        events(finished / "tb" / "charts")
    )


def test_a_run_that_survives_is_drawn_too(tmp_path, capsys):
    main(["--logdir", str(tmp_path), "--data", "synthetic", "--quick", "--steps", "50"])
    shown = capsys.readouterr().out
    assert "did not hold  constant rate, depth 3: the run diverges: finite after 50 steps" in shown


BAD = {
    "depth 1": ["--depth", "1"],
    "nothing shallower": ["--shallower", "3"],
    "no rate": ["--learning-rate", "0"],
    "NaN rate": ["--learning-rate", "nan"],
    "no steps": ["--steps", "0"],
    "clipped to nothing": ["--clips", "0"],
    "clip twice": ["--clips", "1", "1"],
    "negative seed": ["--seed", "-1"],
    "unknown gas": ["--data", "gas", "--gas", "neon"],
    "unknown run to redraw": ["--redraw", "nothing"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, tmp_path, capsys):
    assert_refused(
        "late_divergence", main, ["--data", "synthetic", *BAD[case]], tmp_path / "logs", capsys
    )
