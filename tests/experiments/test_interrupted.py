"""Experiments of several parts, stopped in the first: what there is gets drawn, and the rest follows later."""

from __future__ import annotations

import json
import signal

import pandas as pd
import pytest

from experiments import depth_compare
from experiments.emulated_update import experiment as emulated_update
from overparam_tf.runlog import ProgressReport
from tests.experiments.often import load_small_problem

OPTIONS = ["--name", "run", "--quiet", "--learning-rates", "0.0001", "0.001", "--steps", "20"]
CASES = {
    "depth_compare": (depth_compare, ["--depths", "1", "2"]),
    "emulated_update": (emulated_update, ["--depths", "2", "--widths", "1"]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_parts_that_were_begun_are_drawn_and_the_others_follow(name, tmp_path, monkeypatch):
    module, options = CASES[name]
    monkeypatch.setattr(module.Config, "load_problem", load_small_problem)
    arguments = ["--logdir", str(tmp_path), *OPTIONS, *options]
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as stopped:
        patch.setattr(ProgressReport, "__call__", lambda *_: signal.raise_signal(signal.SIGTERM))
        module.main(arguments)
    (folder,) = (tmp_path / name).iterdir()
    assert stopped.value.code == 143 and list((folder / "figures").glob("*.png"))
    assert set(pd.read_csv(folder / "results.csv")["part"]) == {"L2"}
    module.main(arguments)
    results = pd.read_csv(folder / "results.csv")
    assert set(results["part"]) == {"L2", "L4"} and set(results["status"]) == {"finished"}
    assert json.loads((folder / "config.json").read_text())["status"] == "finished"
    assert not (folder / "checkpoints").exists()
