"""The speed-up experiment: steps to a target against Keras `fit`, the censoring, the folder, bad input."""

from __future__ import annotations

import json

import keras
import numpy as np
import pandas as pd
import pytest

from experiments.board.tree import merge_dashboards
from experiments.speedup.bootstrap import speed_up
from experiments.speedup.claims import ratios_of, steps_to
from experiments.speedup.experiment import COARSE, OPTIMIZERS, REACH, Config, fine_rates, main
from overparam_tf.datasets import Problem
from overparam_tf.floor import convex_floor
from overparam_tf.initializers import NearZero
from overparam_tf.layers import FactorizedDense
from overparam_tf.losses import LpLoss
from tests.event_files import events, scalars
from tests.experiments.refusals import assert_refused

STEPS = 60


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((24, 3)) * [2.0, 1.0, 0.5]
    return Problem(
        "small",
        x,
        x @ rng.standard_normal((3, 1)) + rng.standard_t(3, (24, 1)),
        "random",
        "none",
        True,
    )


@pytest.fixture(scope="module")
def finished(problem, tmp_path_factory):
    logdir = tmp_path_factory.mktemp("logs")
    options = [
        "--powers",
        "2",
        "4",
        "--optimizers",
        "SGD",
        "Adam",
        "--depths",
        "1",
        "2",
        "--rule-depths",
        "1.5",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, "load_problem", lambda config: problem)
        main(
            [
                "--logdir",
                str(logdir),
                "--quiet",
                "--name",
                "run",
                "--steps",
                str(STEPS),
                "--seeds",
                "0",
                "1",
                *options,
            ]
        )
    (folder,) = (logdir / "speedup").iterdir()
    return folder


@pytest.fixture(scope="module")
def results(finished):
    return pd.read_csv(finished / "results.csv")


@pytest.mark.parametrize(
    ("p", "optimizer", "depth"), [(4, "SGD", 1), (4, "SGD", 2), (2, "Adam", 2)]
)
def test_steps_to_the_target_are_those_of_keras_fit(p, optimizer, depth, results, problem):
    cell = results[
        (results["p"] == p)
        & (results["variant"] == f"{optimizer}, depth {depth}")
        & (results["grid"] == "fine")
    ]
    row = cell[cell["steps_to_50%"].notna() & (cell["status"] == "finished")].iloc[-1]
    layer = FactorizedDense(
        1, depth=depth, use_bias=False, kernel_initializer=NearZero(seed=int(row["seed"]))
    )
    model = keras.Sequential([keras.Input((3,)), layer])
    trained = OPTIMIZERS[optimizer]()
    trained.learning_rate = row["learning_rate"]
    model.compile(trained, LpLoss(p))
    losses = model.fit(
        problem.x, problem.y, batch_size=24, epochs=STEPS, shuffle=False, verbose=0
    ).history["loss"]
    floor = convex_floor(problem.x, problem.y, p).loss
    target = floor + 0.5 * (np.mean(problem.y**p) / p - floor)
    assert int(np.argmax(np.array(losses) <= target)) == row["steps_to_50%"]


def table(**steps):
    """Fine runs of hand-made variants: per variant a list over rates of (steps, status) over two seeds."""
    rows = [
        {
            "p": 4,
            "group": "SGD",
            "grid": "fine",
            "variant": f"SGD, depth {depth[-1]}",
            "depth": int(depth[-1]),
        }
        | {"learning_rate": 10.0**rate, "seed": seed, "steps_to_10%": at, "status": status}
        for depth, cells in steps.items()
        for rate, runs in enumerate(cells)
        for seed, (at, status) in enumerate(runs)
    ]
    return pd.DataFrame(rows)


def test_ratios_count_what_was_lost():
    done, gone, never = (40, "finished"), (10, "diverged"), (None, "finished")
    runs = table(
        depth1=[[(80, "finished")] * 2, [never] * 2],
        depth2=[[done] * 2, [gone] * 2],
        depth3=[[gone, never]] * 2,
    )
    ratios = ratios_of(runs, ["10%"], {}, limit=100).set_index("depth")
    assert ratios["ratio"].tolist() == [1, 2, 0] and ratios["helps"].tolist() == [None, True, False]
    assert ratios["diverged"].tolist() == [0, 2, 2] and ratios["never"].tolist() == [2, 0, 2]
    assert ratios.loc[3, "bound"] == pytest.approx(0.8)
    # What diverges after its target has not reached it: nobody would train with such a rate.
    assert np.isinf(steps_to(runs[runs["depth"] == 2], "10%")[1][1]).all()


def test_the_interval_covers_the_truth_in_most_samples():
    # Steps are exponential with the means 200 and 100: the ratio of medians is 2.
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(60):
        plain, other = (rng.exponential(mean, (1, 15)) for mean in (200, 100))
        gain = speed_up(plain, other, bootstraps=300, seed=trial)
        covered += gain.low <= 2 <= gain.high
    assert 50 <= covered <= 60


def test_fine_rates_surround_every_best_coarse_rate():
    rates = [10 ** (tenth / 10) for tenth in COARSE]
    runs = pd.DataFrame({"learning_rate": rates, "status": "finished", "final_loss": 1.0})
    for share, best in (("50%", -10), ("10%", -20), ("3%", -20), ("1%", None)):
        runs[f"steps_to_{share}"] = [
            3 if tenth == best else None if best is None else 7 for tenth in COARSE
        ]
    runs.loc[runs["learning_rate"] == rates[0], "final_loss"] = (
        0.5  # stands in for the target never reached
    )
    assert fine_rates(runs) == list(range(COARSE[0] - REACH, -10 + REACH + 1))


def test_the_folder_tells_it_all_and_redraws(finished, results, capsys):
    config = json.loads((finished / "config.json").read_text())
    assert config["steps"] == STEPS and config["seeds"] == [0, 1] and config["data"]["synthetic"]
    fine = results[results["grid"] == "fine"]
    assert set(fine["variant"]) == {
        f"{name}, depth {depth}" for name in ("SGD", "Adam") for depth in (1, 2)
    } | {"rule, depth 1.5"}
    names = sorted(path.name for path in (finished / "figures").iterdir())
    assert names == [
        "optimizer_by_depth.png",
        "optimizer_by_depth_in_time.png",
        "rate_sensitivity.png",
        "ratio_against_target_l2.png",
        "ratio_against_target_l4.png",
    ]
    main(["--logdir", str(finished.parents[1]), "--redraw", finished.name])
    shown = capsys.readouterr().out
    assert "L4, Adam" in shown and "SYNTHETIC" in shown


def test_tensorboard_has_the_best_runs_and_the_ratios(finished, results):
    fine = results[results["grid"] == "fine"]
    for p, variant in (("L2", "Adam, depth 2"), ("L4", "rule, depth 1.5")):
        assert scalars(events(finished / "tb" / p / variant), "loss")
    for name, tags in {
        "Adam, depth 2": {"best rates/L2, Adam", "best rates/L4, Adam"},
        "Adam by depth": {"by depth/speed-up to 50%, L2"},
    }.items():
        assert tags <= set(events(finished / "tb" / "charts" / name))
    trials = [path for path in (finished / "tb").glob("L*/*") if path.is_dir()]
    assert len(trials) <= len(fine.drop_duplicates(["p", "variant"]))
    *_, categories = merge_dashboards([finished / "tb" / "dashboard"])
    assert [category.title.rpartition(": ")[2] for category in categories] == [
        "best rates",
        "by depth",
    ]


BAD = {
    "no depth 1": ["--depths", "2"],
    "depth twice": ["--depths", "1", "1"],
    "odd power": ["--powers", "3"],
    "power 0": ["--powers", "0"],
    "unknown optimizer": ["--optimizers", "Lion"],
    "no steps": ["--steps", "0"],
    "rule at depth 1": ["--rule-depths", "1"],
    "seed twice": ["--seeds", "0", "0"],
    "missing data": ["--data", "no/such/folder"],
    "unknown run to redraw": ["--redraw", "nothing"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, tmp_path, capsys):
    assert_refused("speedup", main, BAD[case], tmp_path / "logs", capsys)
