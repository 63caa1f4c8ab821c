from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from experiments.emulated_update.experiment import EXPERIMENT, Config
from experiments.emulated_update.gaps import gaps_of, slopes_of
from overparam_tf import History

OPTIONS = "--data synthetic --losses l4 --depths 2 --widths 1 5 --steps 400 --quiet".split()


@pytest.fixture(scope="module")
def finished(finished_run):
    return finished_run("emulated_update").path


def test_the_run_folder_is_complete(finished):
    names = {path.name for path in finished.iterdir()}
    assert {
        "config.json",
        "results.csv",
        "curves.npz",
        "weights.npz",
        "gaps.csv",
        "figures",
        "dashboard",
    } <= names
    assert {path.stem for path in (finished / "figures").iterdir()} == {
        "real_and_emulated",
        "gap_against_rate",
    }


def test_gaps_are_those_of_the_recorded_curves(finished):
    history, gaps = History.load(finished), pd.read_csv(finished / "gaps.csv")
    pairs = json.loads((finished / "config.json").read_text())["pairs"]
    row, pair = gaps.iloc[2], pairs[0]
    real, rule = (
        history.curve(pair[kind], row["rate"], int(row["seed"]))[1] for kind in ("factors", "rule")
    )
    assert row["gap"] == pytest.approx(np.max(np.abs(real - rule) / rule), rel=1e-6)
    assert len(gaps) == sum(len(pair["rates"]) * history.runs["seed"].nunique() for pair in pairs)


def test_the_balanced_gap_is_proportional_to_the_rate(finished):
    slopes = slopes_of(pd.read_csv(finished / "gaps.csv"))
    balanced = slopes[slopes["start"] == "balanced"][["lowest_slope", "highest_slope"]].dropna()
    assert len(balanced) == 2 and balanced.stack().between(0.9, 1.1).all()


def test_slopes_of_a_known_law():
    rates = np.array([1e-4, 1e-3, 1e-2])
    key = {"p": 2, "N": 2, "width": 1, "start": "balanced", "decay": 0.0, "seed": 0}
    gaps = pd.DataFrame(
        [{**key, "rate": rate, "gap": 9.0, "gap_same_time": 3 * rate**1.5} for rate in rates]
    )
    slopes = slopes_of(pd.concat([gaps, gaps.assign(seed=1, gap_same_time=2 * rates)]))
    assert slopes["lowest_slope"].item() == pytest.approx(1.0)
    assert slopes["highest_slope"].item() == pytest.approx(1.5)


def test_the_compressed_problem_gives_the_same_curves(ethanol):
    from overparam_tf import LpLoss, Sweep

    variants = Config(depths=(2,), widths=(1,)).variants(2)
    whole, small = (
        Sweep(data, variants, LpLoss(2), "float64").run(300)
        for data in (ethanol, ethanol.compressed())
    )
    np.testing.assert_allclose(small.losses, whole.losses, rtol=1e-6)


def test_a_diverged_run_has_no_gap(tmp_path):
    options = [*OPTIONS, "--widths", "1", "--learning-rates", "0.0001", "100"]
    EXPERIMENT.main(["--logdir", str(tmp_path), *options])
    folder = next((tmp_path / "emulated_update").iterdir())
    gaps = pd.read_csv(folder / "gaps.csv")
    assert gaps.loc[gaps["rate"] == 100, "gap"].isna().all()
    assert gaps.loc[gaps["rate"] == 0.0001, "gap"].notna().all()
    assert gaps_of([], History.load(folder)).empty


def test_the_courses_setting_shows_which_rule_needs_balance(tmp_path):
    options = "--preset uva --data synthetic --losses l2 --depths 2 --widths 1 --quiet"
    rates = "--learning-rates 0.0025 0.005 --steps 3000"
    EXPERIMENT.main(["--logdir", str(tmp_path), *options.split(), *rates.split()])
    folder = next((tmp_path / "emulated_update").iterdir())
    assert (folder / "figures" / "four_curves.png").exists()
    claims = json.loads((folder / "report.json").read_text())["claims"]
    verdicts = {claim["text"].partition(":")[0].partition(" (")[0]: claim for claim in claims}
    assert set(verdicts) == {
        "the gap is proportional to the rate",
        "balance is needed",
        "the gap with the conserved differences is proportional to the rate",
        "the exact step is real training",
    }
    assert all(claim["held"] for claim in claims), claims


def test_runs_without_a_column_for_the_rule_are_those_of_theorem_one(finished):
    gaps = pd.read_csv(finished / "gaps.csv").drop(columns="rule")
    assert set(slopes_of(gaps)["rule"]) == {"end_to_end"}
