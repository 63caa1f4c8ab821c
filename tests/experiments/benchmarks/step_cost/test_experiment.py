"""The step-cost benchmark from the command line, a whole run against made-up workers."""

from __future__ import annotations

import functools
import json
import sys

import numpy as np
import pandas as pd
import pytest

from experiments.benchmarks.step_cost import experiment as step_cost
from experiments.benchmarks.step_cost.contestants import CONTESTANTS
from experiments.benchmarks.step_cost.experiment import EXPERIMENT, Config
from experiments.benchmarks.step_cost.scaling import COMPRESSED
from experiments.benchmarks.step_cost.worker_process import Launcher
from experiments.harness.command_line import Experiment
from experiments.report.page import page
from experiments.report.section import section_of
from overparam_tf.runlog import RunFolder
from tests.event_files import events
from tests.experiments.refusals import assert_refused

# Speaks the protocol and measures nothing: a step takes 1 ms, ten times as much in the worker
# `with_torch`. `with_jax` is not installed, and `with_numba` dies in its second burst.
FAKE = """
import json, sys
name, bursts = sys.argv[1], 0
if name == "with_jax":
    sys.exit("ModuleNotFoundError: No module named 'jax'")
print(json.dumps({"versions": {name: "1"}, "peak_bytes": 100}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "prepare":
        rows = request["task"]["data"]
        size = rows["rows"] if isinstance(rows, dict) else 1
        loss = None if request["entry"] == "products" else 1.0
        reply = {"seconds": 0.1, "start_loss": 2.0, "loss": loss}
    elif request["do"] == "burst":
        bursts += 1
        if name == "with_numba" and bursts > 1:
            sys.exit("Segmentation fault")
        seconds = 1e-3 * request["steps"] * (10 if name == "with_torch" else 1)
        reply = {"steps": request["steps"], "seconds": seconds, "processor_seconds": seconds}
        reply |= {"finite": True, "idle_seconds": 1.0, "idle_processor_seconds": 0.001}
    else:
        reply = {"peak_bytes": 100 + size}
    print(json.dumps(reply), flush=True)
"""


def with_fake(command):
    """Return the experiment with other workers."""
    launcher = Launcher(timeout=60, command=command, pause=0.0)
    run = functools.partial(step_cost.run, launcher=launcher)
    return Experiment("step_cost", Config, run, step_cost.draw)


def fake_command(name):
    if name == "start_up":
        return [sys.executable, "-c", ""]
    return [sys.executable, "-c", FAKE, name]


def test_the_run_folder_explains_itself(tmp_path, capsys):
    options = "--name run --depths 1 --rounds 2 --seconds 0.002 --axes rows compressed_rows"
    with_fake(fake_command).main(["--logdir", str(tmp_path), *options.split()])
    folder = tmp_path / "step_cost" / "run"
    record = json.loads((folder / "config.json").read_text())
    assert {"command", "versions", "options"} <= set(record)
    results = pd.read_csv(folder / "results.csv")
    status = results.groupby("contestant")["status"].unique().str[0]
    assert status["JAX scan"] == "missing: jax"
    assert status["numba fused pass, one core"] == "failed: Segmentation fault"
    others = [name for name in status.index if "JAX" not in name and "numba" not in name]
    assert (status[others] == "measured").all()
    ms = results[results["optimizer"] == "adam"].set_index("contestant")["ms"]
    np.testing.assert_allclose(
        ms[["sweep, 1 run", "sweep, 30 runs", "PyTorch loop"]], [1, 1 / 30, 10]
    )
    assert len(pd.read_csv(folder / "rounds.csv")) == 2 * (results["status"] == "measured").sum()
    scaling = pd.read_csv(folder / "scaling.csv")
    assert len(scaling) == 4 + 3 and (scaling["growth_bytes"] == scaling["rows"]).all()
    workers = json.loads((folder / "workers.json").read_text())
    assert len(workers["start_up_seconds"]) == 2
    assert "No module" in workers["workers"]["with_jax"]["error"]
    first = capsys.readouterr().out
    figures = sorted(path.name for path in (folder / "figures").iterdir())
    assert len(figures) == 2 + 2 and "missing: jax: JAX scan, JAX vmap" in first
    EXPERIMENT.main(["--logdir", str(tmp_path), "--redraw", "run"])
    assert capsys.readouterr().out == first
    tags = {
        "claims",
        "settings",
        "how a step of the sweep scales",
        "not_measured",
        "figures/run_step",
    }
    assert tags <= set(events(folder / "tb" / "charts"))
    assert "by size/ms a step" in events(folder / "tb" / "charts" / COMPRESSED)
    assert "<h3>How a step of the sweep scales</h3>" in page([section_of(RunFolder(folder))])


def test_every_worker_dead_is_a_result(tmp_path, capsys):
    broken = [sys.executable, "-c", "raise SystemExit('no such luck')"]
    with_fake(lambda name: broken).main(["--logdir", str(tmp_path), "--quick"])
    output = capsys.readouterr().out
    labels = ", ".join(contestant.label for contestant in CONTESTANTS)
    assert f"failed: no such luck: {labels}" in output and " held" not in output


def test_a_quick_run_is_of_gradient_descent_at_depth_1():
    assert Config(quick=True).settings() == [("sgd", 1)]
    assert len(Config().settings()) == 8


BAD = {
    "unknown part": ["--part", "all of it"],
    "depth zero": ["--depths", "0"],
    "depth nine": ["--depths", "9"],
    "depth twice": ["--depths", "2", "2"],
    "no rounds": ["--rounds", "0"],
    "fractional rounds": ["--rounds", "1.5"],
    "no time": ["--seconds", "0"],
    "NaN seconds": ["--seconds", "nan"],
    "endless burst": ["--seconds", "1e9"],
    "no timeout": ["--timeout", "0"],
    "no starts": ["--start-ups", "0"],
    "unknown axis": ["--axes", "cores"],
    "axis twice": ["--axes", "rows", "rows"],
    "no points": ["--points", "0"],
    "unknown run to redraw": ["--redraw", "nothing"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, tmp_path, capsys):
    assert_refused("step_cost", EXPERIMENT.main, BAD[case], tmp_path / "logs", capsys)


def test_damaged_results_are_one_line(tmp_path, capsys):
    (tmp_path / "step_cost" / "run").mkdir(parents=True)
    (tmp_path / "step_cost" / "run" / "config.json").write_text('{"options": {"part": "all"}}')
    with pytest.raises(SystemExit):
        EXPERIMENT.main(["--logdir", str(tmp_path), "--redraw", "run"])
    error = capsys.readouterr().err
    assert "results.csv" in error and error.count("\n") == 1
