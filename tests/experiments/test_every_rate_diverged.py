"""A run of which every rate diverged is drawn and reported as what it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.harness.results import read_results
from overparam_tf.atomic_files import save_npz
from overparam_tf.runlog import RunFolder
from tests.experiments.finished_runs import run_with_output
from tests.experiments.loading import load_experiment


def let_diverge(path):
    """Change the files of a finished run into those of one of which no loss was finite."""
    runs = pd.read_csv(path / "results.csv")
    lost = {"status": "diverged", "final_loss": np.nan, "excess_loss": np.nan}
    runs = runs.assign(**lost, diverged_at=1, steps=1, steps_to_target=np.nan)
    runs.to_csv(path / "results.csv", index=False)
    with np.load(path / "curves.npz") as arrays:
        curves = dict(arrays)
    save_npz(path / "curves.npz", {**curves, "losses": np.full_like(curves["losses"], np.nan)})
    if (path / "gaps.csv").exists():
        gaps = pd.read_csv(path / "gaps.csv").assign(gap=np.nan, gap_same_time=np.nan)
        gaps.to_csv(path / "gaps.csv", index=False)


@pytest.mark.parametrize("name", ["depth_compare", "emulated_update"])
def test_it_is_drawn_and_no_claim_is_decided(name, copy_of_run):
    run = copy_of_run(name)
    let_diverge(run.path)
    arguments = ["--logdir", str(run.logdir), "--redraw", run.name]
    assert "cannot tell" in run_with_output(load_experiment(name), arguments)
    results = read_results(RunFolder(run.path))
    assert results.claims and {claim.held for claim in results.claims} == {None}
