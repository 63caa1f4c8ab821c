"""The step-cost benchmark from the command line, a whole run against made-up workers."""

from __future__ import annotations

import json
import signal
import sys

import numpy as np
import pandas as pd
import pytest

from experiments.benchmarks.step_cost.contestants import CONTESTANTS
from experiments.benchmarks.step_cost.experiment import Config
from experiments.benchmarks.step_cost.result_tables import KEY, THREADS
from experiments.benchmarks.step_cost.scaling import COMPRESSED
from experiments.harness.work_report import WorkReport
from experiments.report.page import page
from experiments.report.section import section_of
from overparam_tf.runlog import RunFolder
from tests.event_files import events
from tests.experiments.benchmarks.step_cost.fake_workers import fake_command, with_workers


def test_the_run_folder_explains_itself(finished_run):
    finished = finished_run("step_cost")
    folder = finished.path
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
    rounds, measured = pd.read_csv(folder / "rounds.csv"), results[results["status"] == "measured"]
    one_count = measured["kind"] == "ours"
    assert len(rounds) == 2 * (one_count.sum() + 2 * (~one_count).sum())
    scaling = pd.read_csv(folder / "scaling.csv")
    assert len(scaling) == 4 + 3 and (scaling["growth_bytes"] == scaling["rows"]).all()
    workers = json.loads((folder / "workers.json").read_text())
    assert len(workers["start_up_seconds"]) == 2
    assert "No module" in workers["workers"]["with_jax"]["error"]
    figures = sorted(path.name for path in (folder / "figures").iterdir())
    assert len(figures) == 3 + 2 and "missing: jax: JAX scan, JAX vmap" in finished.output
    tags = {
        "claims",
        "settings",
        "how a step of the sweep scales",
        "not_measured",
        "figures/run_step",
    }
    assert tags <= set(events(folder / "charts"))
    assert "by size/ms a step" in events(folder / COMPRESSED)
    assert "<h3>How a step of the sweep scales</h3>" in page([section_of(RunFolder(folder))])


def test_an_interrupted_contest_keeps_its_rounds(tmp_path, monkeypatch, capsys):
    arguments = "--part contest --depths 1 --rounds 2 --seconds 0.002 --name run --quiet".split()
    main = with_workers(fake_command).main
    begin, begun = WorkReport.__call__, []

    def stop_in_the_second_round(report, work):
        begun.append(work)
        if work.startswith("round 2"):
            signal.raise_signal(signal.SIGTERM)
        begin(report, work)

    with monkeypatch.context() as patch, pytest.raises(SystemExit) as stopped:
        patch.setattr(WorkReport, "__call__", stop_in_the_second_round)
        main(["--logdir", str(tmp_path), *arguments])
    assert stopped.value.code == 143 and "1 of 2 pieces" in capsys.readouterr().err
    monkeypatch.setattr(WorkReport, "__call__", lambda report, work: begun.append(work))
    begun.clear()
    main(["--logdir", str(tmp_path), *arguments])
    assert not any(work.startswith(("round 1", "start-up")) for work in begun)
    (folder,) = (tmp_path / "step_cost").iterdir()
    rounds = pd.read_csv(folder / "rounds.csv")
    assert set(rounds["round"]) == {0, 1} and not rounds.duplicated([*KEY, THREADS, "round"]).any()


def test_every_worker_dead_is_a_result(tmp_path, capsys):
    broken = [sys.executable, "-c", "raise SystemExit('no such luck')"]
    with_workers(lambda name: broken).main(["--logdir", str(tmp_path), "--quick"])
    output = capsys.readouterr().out
    labels = ", ".join(contestant.label for contestant in CONTESTANTS)
    assert f"failed: no such luck: {labels}" in output and " held" not in output


def test_a_quick_run_is_of_gradient_descent_at_depth_1():
    assert Config(quick=True).settings() == [("sgd", 1)]
    assert len(Config().settings()) == 8
