"""The experiment on two worker processes: one folder, of the chief, with one CPU's curves."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tests.distributed.workers import ended
from tests.experiments.mnist_cnn.few_images import few_images, without_dropout

OPTIONS = ["--epochs", "2", "--regularize", "first", "--name", "run"]
NETS = ["plain", "depth 2, penalty on the first factor"]


def run(logdir, **environment):
    """Run two workers; return their exit codes and outputs."""
    module = "tests.experiments.mnist_cnn.few_images"
    arguments = ["--strategy", "multiworker", *OPTIONS, "--logdir", str(logdir)]
    codes, logs, _ = ended(module, arguments, 2, logdir, environment)
    return codes, logs


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def interrupted(logdir):
    """Ctrl-C to worker 1 alone, in the second epoch of the first net."""
    codes, outputs = run(logdir, INTERRUPT_AT="4")
    config = (logdir / "mnist_cnn" / "run-bars" / "config.json").read_text()
    return codes, outputs, json.loads(config)


@pytest.fixture(scope="module")
def finished(logdir, interrupted):
    return run(logdir)


def test_a_signal_to_one_worker_ends_all_cleanly(interrupted):
    codes, outputs, config = interrupted
    assert codes == [130, 130] and config["status"] == "interrupted"
    assert not any("Traceback" in output for output in outputs)
    assert "--name run-bars" in outputs[0] and "--name" not in outputs[1]


def test_the_run_continues_to_the_curves_of_one_cpu(finished, logdir, tmp_path):
    assert finished[0] == [0, 0], finished[1]
    options = [*OPTIONS, "--logdir", str(tmp_path), "--strategy", "cpu", "--quiet"]
    few_images(make_net=without_dropout).main(options)
    ours, theirs = (where / "mnist_cnn" / "run-bars" for where in (logdir, tmp_path))
    with np.load(ours / "curves.npz") as curves, np.load(theirs / "curves.npz") as expected:
        assert set(curves) == set(expected)
        assert curves[f"{NETS[1]}, seed 0/total"].shape == (4,)
        for name in expected:
            np.testing.assert_allclose(curves[name], expected[name], 1e-4, err_msg=name)
    columns = ["net", "epoch", "val_error", "test_error", "total"]
    tables = [pd.read_csv(folder / "epochs.csv")[columns] for folder in (ours, theirs)]
    pd.testing.assert_frame_equal(*tables, rtol=1e-4)


def test_one_folder_and_one_voice(finished, logdir):
    assert [path.name for path in (logdir / "mnist_cnn").iterdir()] == ["run-bars"]
    folder = logdir / "mnist_cnn" / "run-bars"
    assert json.loads((folder / "config.json").read_text())["status"] == "finished"
    processes = {path.name.split(".")[4] for path in folder.rglob("*tfevents*")}
    assert len(processes) == 1
    chief, other = finished[1]
    assert "Run folder" in chief and "Run folder" not in other and "total" not in other
