"""Experiments of several parts, stopped in the first: it is drawn, and the others follow later."""

from __future__ import annotations

import json
import signal

import pandas as pd
import pytest

from overparam_tf.runlog import ProgressReport
from tests.cases import small_problem
from tests.experiments.loading import load_experiment, on_problem

OPTIONS = ["--name", "run", "--quiet", "--learning-rates", "0.0001", "0.001", "--steps", "20"]
CASES = {
    "depth_compare": ["--depths", "1", "2"],
    "emulated_update": ["--depths", "2", "--widths", "1"],
}


@pytest.mark.parametrize("name", CASES)
def test_the_parts_that_were_begun_are_drawn_and_the_others_follow(name, tmp_path, monkeypatch):
    experiment = on_problem(load_experiment(name), small_problem(rows=100, features=8))
    arguments = ["--logdir", str(tmp_path), *OPTIONS, *CASES[name]]
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as stopped:
        patch.setattr(ProgressReport, "__call__", lambda *_: signal.raise_signal(signal.SIGTERM))
        experiment.main(arguments)
    (folder,) = (tmp_path / name).iterdir()
    assert stopped.value.code == 143 and list((folder / "figures").glob("*.png"))
    assert set(pd.read_csv(folder / "results.csv")["part"]) == {"L2"}
    experiment.main(arguments)
    results = pd.read_csv(folder / "results.csv")
    assert set(results["part"]) == {"L2", "L4"} and set(results["status"]) == {"finished"}
    assert json.loads((folder / "config.json").read_text())["status"] == "finished"
    assert not (folder / "checkpoints").exists()
