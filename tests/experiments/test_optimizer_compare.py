"""The main experiment end to end: results, TensorBoard, presets, the measured data, a shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.board.tree import read_dashboard
from experiments.harness.limits import RATES_2019
from experiments.optimizer_compare.experiment import EXPERIMENT, Config
from overparam_tf import History
from tests.event_files import events, scalars

main = EXPERIMENT.main
COLUMNS = [
    "part",
    "loss",
    "variant",
    "optimizer",
    "depth",
    "width",
    "learning_rate",
    "seed",
    "status",
    "steps",
    "final_loss",
    "best_loss",
    "excess_loss",
    "diverged_at",
    "steps_to_target",
]
PART_1 = ["GD, depth 1", "GD, depth 2", "GD, depth 3", "AdaGrad", "AdaDelta"]
FIGURES = ["comparison_1", "comparison_2", "excess_loss", "loss_against_rate"]


def run(tmp_path, *options):
    main(["--logdir", str(tmp_path), "--quiet", *options])
    (folder,) = (tmp_path / "optimizer_compare").iterdir()
    return folder


@pytest.fixture(scope="module")
def finished(finished_run):
    return finished_run("optimizer_compare").path


def test_the_run_folder_explains_itself(finished):
    config = json.loads((finished / "config.json").read_text())
    assert config["data"]["synthetic"] and len(config["data"]["sha256"]) == 64
    assert config["options"]["learning_rates"] == [0.0001, 0.001, 0.5]
    assert config["options"]["depths"] == [1, 2, 3] and config["options"]["biases"]
    assert config["steps"] == {"part 1": 300, "part 2": 300}
    (loss,) = config["losses"]
    assert loss["floor_duality_gap"] <= 1e-8 * loss["floor"] < loss["target"] < loss["at_zero"]
    assert sorted(path.stem for path in (finished / "figures").glob("*.png")) == FIGURES


def test_results_have_a_row_a_run(finished):
    results = pd.read_csv(finished / "results.csv")
    assert set(COLUMNS) <= set(results)
    assert len(results) == 5 * 3 + 3 * 3
    diverged = results["status"] == "diverged"
    assert diverged.any() and (results.loc[diverged, "learning_rate"] == 0.5).all()
    assert (results["final_loss"].isna() == diverged).all() and (
        results["diverged_at"].notna() == diverged
    ).all()
    floor = json.loads((finished / "config.json").read_text())["losses"][0]["floor"]
    assert np.allclose(results["excess_loss"], results["final_loss"] - floor, equal_nan=True)


def test_a_stand_in_names_itself(finished):
    assert "synthetic" in finished.name
    ((_, start),) = events(finished / "GD, depth 3")["_hparams_/session_start_info"]
    assert b"SYNTHETIC" in start.metadata.plugin_data.content


def test_tensorboard_has_every_curve_in_a_run_for_each_variant(finished):
    history = History.load(finished)
    by_variant = {name: events(finished / name) for name in history.variants}
    (loss,) = json.loads((finished / "config.json").read_text())["losses"]
    for row in history.runs.itertuples():
        shown = by_variant[row.variant]
        steps, losses = history.curve(row.variant, row.learning_rate)
        in_chart = losses <= 2 * loss["at_zero"]
        written = scalars(shown, f"rates/{row.learning_rate:.6g}")
        assert list(written) == steps[in_chart].tolist()
        assert np.allclose(list(written.values()), losses[in_chart])
    for name in history.variants:
        shown, best = by_variant[name], history.best(name)
        steps, losses = history.best_curve(name)
        assert list(scalars(shown, "loss")) == steps.tolist()
        assert scalars(shown, "loss")[300] == pytest.approx(best["final_loss"])
        part = f"part {1 if name in PART_1 else 2}"
        logarithm = scalars(shown, f"log10 of excess loss/{part}")
        assert logarithm[300] == pytest.approx(np.log10(best["excess_loss"]), abs=1e-5)
        assert scalars(shown, "result/final_loss")[300] == pytest.approx(best["final_loss"])


def test_tensorboard_has_at_most_a_dozen_runs(finished):
    runs = {path.parent.relative_to(finished).as_posix() for path in finished.rglob("events*")}
    assert runs == {*PART_1, *(f"Adam, depth {n}" for n in (1, 2, 3)), "charts", "dashboard"}
    report = {"results", "claims", "settings", *(f"figures/{name}" for name in FIGURES)}
    assert report <= set(events(finished / "charts"))
    (category, *_) = read_dashboard(finished / "dashboard").categories
    assert [chart.title for chart in category.chart] == ["part 1", "part 2"]


def test_claims_are_judged_by_the_numbers(finished, finished_run):
    shown, history = finished_run("optimizer_compare").output, History.load(finished)
    losses = [history.best(name)["final_loss"] for name in ("GD, depth 2", "GD, depth 1")]
    (line,) = [line for line in shown.splitlines() if "accelerates: GD, depth 2" in line]
    assert line.split()[0] == ("held" if losses[0] < losses[1] else "did")


def test_on_the_measured_data(ethanol, tmp_path):
    folder = run(
        tmp_path,
        "--data",
        "gas",
        "--steps",
        "200",
        "--preset",
        "paper",
        "--dtype",
        "float64",
        "--part",
        "1",
    )
    results = pd.read_csv(folder / "results.csv")
    config = json.loads((folder / "config.json").read_text())
    assert "gas-ethanol" in folder.name and config["data"]["sha256"] == ethanol.checksum
    assert config["losses"][0]["floor"] == pytest.approx(0.05535, abs=5e-6)
    assert results["learning_rate"].unique().tolist() == list(RATES_2019)
    # Oracle: plain numpy gradient descent from the same start.
    row = results[(results["variant"] == "GD, depth 1") & (results["learning_rate"] == 1e-3)].iloc[
        0
    ]
    kernel = next(
        v for v in Config(preset="paper").parts()["part 1"][0] if v.name == "GD, depth 1"
    ).layer(128, 1)
    w = kernel.kernel.numpy().astype("float64")
    for _ in range(200):
        w -= 1e-3 * ethanol.x.T @ (ethanol.x @ w - ethanol.y) ** 3 / 2565
    assert row["final_loss"] == pytest.approx(
        np.mean((ethanol.x @ w - ethanol.y) ** 4) / 4, rel=1e-9
    )


# 5e-4 is within a per cent of 10^-3.3, which would train it twice.
@pytest.mark.parametrize("grid", [("1e-4", "1e-3", "1e-2"), ("5e-4", "1e-3", "5e-3")])
def test_fine_fills_the_gaps_around_the_best_rates(grid, tmp_path):
    options = [
        "--part",
        "1",
        "--depths",
        "1",
        "--learning-rates",
        *grid,
        "--steps",
        "30",
        "--quiet",
    ]
    main(
        ["--logdir", str(tmp_path), "--data", "synthetic", "--preset", "paper", "--fine", *options]
    )
    (folder,) = (tmp_path / "optimizer_compare").iterdir()
    history = History.load(folder)
    for name in history.variants:
        runs = history.runs[history.runs["variant"] == name]
        rates, coarse = (
            np.sort(runs["learning_rate"]),
            runs[runs["learning_rate"].isin(map(float, grid))],
        )
        best = coarse.loc[coarse["final_loss"].idxmin(), "learning_rate"]
        around = rates[(rates >= best / 3.1) & (rates <= best * 3.1)]
        np.testing.assert_allclose(np.diff(np.log10(around)), 0.1, atol=5e-3)
        assert len(set(rates)) == len(rates) and len(around) >= 6
        assert np.diff(np.log10(rates)).min() > 0.09


def test_presets_are_the_published_settings():
    uva, paper = Config().parts(), Config(preset="paper").parts()
    assert [steps for _, steps in uva.values()] == [600_000, 60_000]
    assert sum(len(variant.runs) for variant in uva["part 1"][0]) == 50
    assert [variant.learning_rates for variant in uva["part 2"][0]] == [(5e-4,)] * 3
    assert (
        all(variant.use_factor_biases for variant in uva["part 1"][0])
        and not Config().lp_loss.scale
    )
    assert [steps for _, steps in paper.values()] == [1_000_000, 1_000_000]
    assert (
        not any(variant.use_bias for variant in paper["part 1"][0])
        and Config(preset="paper").lp_loss.scale
    )


def test_the_command_line_from_a_shell(tmp_path):
    root = Path(__file__).parents[2]
    command = [
        sys.executable,
        "-m",
        "experiments.optimizer_compare",
        "--data",
        str(tmp_path / "missing"),
    ]
    environment = {
        name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"
    }
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, env=environment)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("optimizer_compare: error: ") and done.stderr.count("\n") == 1
