"""Experiments in shares, killed and continued, and joined to the run that was not divided."""

from __future__ import annotations

import json
import signal
import tempfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from experiments.speedup.grids import COARSE
from overparam_tf import compare_depths
from tests.experiments import often
from tests.experiments.loading import load_experiment, on_problem
from tests.experiments.nonlinear.few_digits import few_digits
from tests.experiments.speedup.cases import small_regression
from tests.processes import start

OPTIONS = "--part 1 --depths 1 --steps 40 --fine --learning-rates 0.001 0.01 --quiet".split()
SPEEDUP = (
    "--powers 4 --optimizers SGD --depths 1 --rule-depths 1.5 --steps 30 --seeds 0 1 --quiet "
    "--price-seconds 0"
).split()


def run(experiment, logdir, *options):
    """Return the exit code."""
    try:
        experiment.main(["--logdir", str(logdir), *options])
    except SystemExit as end:
        return end.code
    return 0


def assert_like(table, expected):
    """Compare two tables of runs up to round-off."""
    pd.testing.assert_frame_equal(table, expected, rtol=1e-4)


def folder_of(logdir):
    (folder,) = (path for path in logdir.iterdir() if path.is_dir())
    return folder


def folders(tmp_path, name):
    """Return the folders of the run that was joined, and of that which was not divided."""
    return folder_of(tmp_path / "shared" / name), folder_of(tmp_path / "whole" / name)


def test_shares_of_sweeps_one_of_them_killed(tmp_path, capsys):
    experiment = often.EXPERIMENT
    assert run(experiment, tmp_path / "whole", "--name", "run", *OPTIONS) == 0
    shared = tmp_path / "shared"
    assert run(experiment, shared, "--name", "run", *OPTIONS, "--share", "1/2") == 0
    arguments = ["--logdir", str(shared), "--name", "run", *OPTIONS, "--share", "2/2"]
    with tempfile.TemporaryDirectory() as output:
        process = start(often.__name__, arguments, {"KILL_AT": "advance 3"}, Path(output, "out"))
        process.join()
    assert process.exitcode == -signal.SIGKILL
    name = folder_of(shared / "optimizer_compare").name
    assert run(experiment, shared, "--join", name) == 2
    assert "running: 2. Run each of them again with --share I/2" in capsys.readouterr().err
    assert run(experiment, shared, "--join", name, "--steps", "41") == 2
    assert run(experiment, shared, "--name", "run", *OPTIONS, "--share", "2/2") == 0
    assert run(experiment, shared, "--join", name, "--steps", "41") == 2
    assert "--steps 41, where the shares have 40" in capsys.readouterr().err
    assert run(experiment, shared, "--join", name, "--quiet") == 0
    ours, theirs = (
        folder_of(tmp_path / path / "optimizer_compare") for path in ("shared", "whole")
    )
    assert_like(*(pd.read_csv(folder / "results.csv") for folder in (ours, theirs)))
    with np.load(ours / "curves.npz") as joined, np.load(theirs / "curves.npz") as whole:
        np.testing.assert_allclose(joined["losses"], whole["losses"], rtol=1e-4)
    figures = [
        sorted(path.name for path in (each / "figures").iterdir()) for each in (ours, theirs)
    ]
    assert figures[0] == figures[1]
    assert json.loads((ours / "config.json").read_text())["status"] == "finished"
    assert not list((ours / "shares").rglob("events*")) and not (ours / "checkpoints").exists()


def test_shares_of_a_search_train_the_coarse_grid_that_they_divide(tmp_path):
    experiment = on_problem(load_experiment("speedup"), small_regression())
    for number in (1, 2):
        share = ["--share", f"{number}/2"]
        assert run(experiment, tmp_path, "--name", "run", *SPEEDUP, *share) == 0
    folder = folder_of(tmp_path / "speedup")
    runs = [len(pd.read_csv(path)) for path in folder.rglob("sweeps/L4 SGD fine/*/results.csv")]
    assert len(runs) == 2 and max(runs) < 1.5 * min(runs)
    assert run(experiment, tmp_path, "--join", folder.name, "--quiet") == 0
    results = pd.read_csv(folder / "results.csv")
    fine, coarse = (results[results["grid"] == grid] for grid in ("fine", "coarse"))
    variants = ["SGD, depth 1", "rule, depth 1.5"]
    assert len(coarse) == len(COARSE) * 2 and list(coarse["variant"].unique()) == variants
    assert not coarse.duplicated(["variant", "learning_rate"]).any()
    assert len(fine) == sum(runs) and set(fine["seed"]) == {0, 1}
    assert pd.read_csv(folder / "prices.csv")["variant"].tolist() == variants
    seconds = pd.concat(map(pd.read_csv, folder.rglob("seconds.csv")))
    assert seconds["runs"].sum() >= len(results) and (seconds["processor_seconds"] > 0).all()


def tiny_comparison():
    """Return a comparison of a linear classifier."""
    x = np.random.default_rng(0).normal(size=(64, 3))
    return compare_depths(
        lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]),
        (x, (x[:, 0] > 0).astype(int)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        targets=(0.8, 0.6),
        depths=(1, 2),
        optimizers={"SGD": "sgd"},
        learning_rates=[0.3],
        seeds=(0, 1),
        steps=4,
        refine=False,
        test_data=(x, (x[:, 0] > 0).astype(int)),
        metrics=["sparse_categorical_accuracy"],
        quiet=True,
    )


def test_shares_of_nets_join_to_the_undivided_run(tmp_path):
    asked, found = [], tiny_comparison()

    def train(options, data, net, form, folder, curves, plain):
        asked.append((form, plain is not None))
        return found

    experiment, whole, shared = few_digits(train=train), tmp_path / "whole", tmp_path / "shared"
    options = ["--nets", "mlp", "--penalties", "none", "--behind-rule", "--name", "run", "--quiet"]
    assert run(experiment, whole, *options) == 0
    for number in (1, 2):
        assert run(experiment, shared, *options, "--share", f"{number}/2") == 0
    # A share without the form whose plain net is the same trains that itself.
    assert asked == [("none", False), ("rule", True), ("none", False), ("rule", False)]
    assert run(experiment, shared, "--join", "run-bars", "--quiet") == 0
    assert len(asked) == 4
    ours, theirs = folders(tmp_path, "nonlinear")
    for file in ("results.csv", "verdicts.csv"):
        assert (ours / file).read_bytes() == (theirs / file).read_bytes()
    with np.load(ours / "curves.npz") as joined, np.load(theirs / "curves.npz") as expected:
        assert set(joined) == set(expected)
        for name in expected:
            np.testing.assert_array_equal(joined[name], expected[name])


def test_more_shares_than_runs_are_one_line_and_no_folder(tmp_path, capsys):
    options = ["--name", "run", *OPTIONS, "--share", "1/1000"]
    assert run(often.EXPERIMENT, tmp_path / "logs", *options) == 2
    error = capsys.readouterr().err
    assert "Expected at most" in error and error.count("\n") == 1
    assert not (tmp_path / "logs").exists()
