"""The experiment end to end: steps against Keras `fit`, folder, TensorBoard."""

from __future__ import annotations

import json
import shutil

import keras
import numpy as np
import pandas as pd
import pytest

from experiments.board.tree import read_dashboard
from experiments.speedup.config import Config
from experiments.speedup.experiment import EXPERIMENT
from experiments.speedup.heat_maps import speed_up_map
from experiments.speedup.optimizers import OPTIMIZERS
from experiments.speedup.tables import verdict_table
from experiments.speedup.tensorboard_log import run_of
from overparam_tf import convex_floor
from overparam_tf.initializers import NearZero
from overparam_tf.layers import FactorizedDense
from overparam_tf.losses import LpLoss
from tests.event_files import events, scalars
from tests.experiments.speedup.cases import small_regression

STEPS = 60


@pytest.fixture(scope="module")
def problem():
    return small_regression()


@pytest.fixture(scope="module")
def finished(finished_run):
    return finished_run("speedup").path


@pytest.fixture(scope="module")
def results(finished):
    return pd.read_csv(finished / "results.csv")


@pytest.mark.parametrize(
    ("p", "optimizer", "depth"), [(4, "SGD", 1), (4, "SGD", 2), (2, "Adam", 2)]
)
def test_steps_to_the_target_are_those_of_keras_fit(p, optimizer, depth, results, problem):
    runs = results[(results["p"] == p) & (results["grid"] == "fine")]
    runs = runs[runs["variant"] == f"{optimizer}, depth {depth}"]
    row = runs[runs["steps_to_50%"].notna() & (runs["status"] != "diverged")].iloc[-1]
    layer = FactorizedDense(
        1, depth=depth, use_bias=False, kernel_initializer=NearZero(seed=int(row["seed"]))
    )
    model = keras.Sequential([keras.Input((3,)), layer])
    trained = OPTIMIZERS[optimizer]()
    trained.learning_rate = row["learning_rate"]
    model.compile(trained, LpLoss(p), jit_compile=False)
    losses = model.fit(
        problem.x, problem.y, batch_size=24, epochs=STEPS, shuffle=False, verbose=0
    ).history["loss"]
    floor = convex_floor(problem.x, problem.y, p).loss
    target = floor + 0.5 * (np.mean(problem.y**p) / p - floor)
    assert int(np.argmax(np.array(losses) <= target)) == row["steps_to_50%"]


def test_the_run_folder_explains_itself(finished, results, finished_run):
    config = json.loads((finished / "config.json").read_text())
    options = config["options"]
    assert options["steps"] == STEPS and options["seeds"] == [0, 1]
    assert config["data"]["synthetic"]
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
    output = finished_run("speedup").output
    assert "L4, Adam" in output and "SYNTHETIC" in output


def test_a_run_of_the_first_version_redraws(finished, tmp_path, capsys):
    folder = tmp_path / "speedup" / "old"
    shutil.copytree(finished, folder)
    config = json.loads((folder / "config.json").read_text())
    options = config["options"]
    beside = {name: options[name] for name in ("steps", "seeds")}
    options |= dict.fromkeys(("powers", "steps", "seeds"))
    (folder / "config.json").write_text(json.dumps({**config, **beside}))
    EXPERIMENT.main(["--logdir", str(tmp_path), "--redraw", "old"])
    assert "L4, Adam" in capsys.readouterr().out
    assert (folder / "ratios.csv").read_text() == (finished / "ratios.csv").read_text()


def test_tensorboard_has_the_best_runs_and_the_ratios(finished, results):
    fine = results[results["grid"] == "fine"]
    tags = {"best rates/L2, Adam", "best rates/L4, Adam", "speed-up by % left/L2, Adam"}
    assert tags <= set(events(finished / "depth 2"))
    rule = events(finished / "rule, depth 1.5")
    assert scalars(rule, "best rates/L4, SGD") and "speed-up, L4, SGD" in rule
    runs = {path.parent.name for path in finished.rglob("events*")}
    assert runs == {"depth 1", "depth 2", "rule, depth 1.5", "charts", "dashboard"}
    assert {"depth 1", "depth 2", "rule, depth 1.5"} == {
        run_of(row.variant, row.group) for row in fine.itertuples()
    }
    categories = read_dashboard(finished / "dashboard").categories
    assert [category.title.rpartition(": ")[2] for category in categories] == [
        "best rates",
        "speed-up by % left",
    ]


def test_every_optimizer_may_stand_behind_the_rule():
    options = Config(behind_rule=True, rule_depths=(2, 1.5), depths=(1, 2))
    updates = {
        name: {variant.name: variant.update for variant in options.variants(name, (0,), {})}
        for name in ("SGD", "Adam")
    }
    assert updates["SGD"]["rule, depth 2"] == "end_to_end"
    assert updates["Adam"] == {
        "Adam, depth 1": "factors",
        "Adam, depth 2": "factors",
        "Adam, behind the rule, depth 1.5": "preconditioned",
        "Adam, behind the rule, depth 2": "preconditioned",
    }


def test_the_rule_may_have_a_depth_of_the_factors(finished):
    ratios = pd.read_csv(finished / "ratios.csv").assign(helps=True)
    is_fractional = ratios["depth"] == 1.5
    ratios.loc[is_fractional, "depth"] = 2.0
    ratios.loc[is_fractional, "variant"] = "rule, depth 2"
    labels = [label.get_text() for label in speed_up_map(ratios, "").axes[0].get_xticklabels()]
    assert labels == ["2", "2r"]
    signs = verdict_table(ratios).set_index(["loss", "optimizer"]).loc[("L2", "SGD"), "to 10%"]
    assert [sign[1:] for sign in signs.split()] == ["2", "2r"]
