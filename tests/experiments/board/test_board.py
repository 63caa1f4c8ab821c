"""The tree of links, the merged dashboard, and TensorBoard's answers from them."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from experiments.board.command import CHART_TAGS, Config, addresses, main, runs_of
from experiments.board.tree import BoardTree, read_dashboard
from experiments.board.trials import trial_table
from overparam_tf.runlog import TensorBoardLog
from tests.event_files import events
from tests.experiments.board.board_process import board
from tests.experiments.refusals import assert_refused
from tests.experiments.run_folders import make_run


@pytest.fixture
def logs(tmp_path):
    make_run(tmp_path / "logs", "optimizer_compare", "older")
    make_run(tmp_path / "logs", "optimizer_compare", "newer")
    make_run(tmp_path / "logs", "depth_compare", "run")
    return tmp_path / "logs"


def names(runs):
    return [f"{run.path.parent.name}/{run.name}" for run in runs]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["depth_compare/run", "optimizer_compare/newer"]),
        (
            {"newest": 2},
            ["depth_compare/run", "optimizer_compare/newer", "optimizer_compare/older"],
        ),
        (
            {"all": True},
            ["depth_compare/run", "optimizer_compare/newer", "optimizer_compare/older"],
        ),
        ({"experiment": ("optimizer_compare",)}, ["optimizer_compare/newer"]),
    ],
)
def test_the_runs_shown(options, expected, logs):
    assert names(runs_of(Config(logdir=str(logs), **options))) == expected


def test_the_newest_run_is_the_last_one_changed(logs):
    os.utime(logs / "optimizer_compare" / "older" / "config.json", (2e9, 2e9))
    assert "optimizer_compare/older" in names(runs_of(Config(logdir=str(logs))))


def test_one_dashboard_takes_the_place_of_all(logs, tmp_path):
    tree = BoardTree(tmp_path)
    tree.show(runs_of(Config(logdir=str(logs))))
    assert (
        not list(tmp_path.glob("*/*/dashboard"))
        and len(list((tmp_path / "dashboard").iterdir())) == 1
    )
    assert (tmp_path / "depth_compare" / "run" / "GD").is_dir()
    merged = read_dashboard(tmp_path / "dashboard")
    columns = ["variant", "learning_rate", "log10_rate", "status"]
    assert [info.name for info in merged.hparams] == columns
    assert [info.name.tag for info in merged.metrics] == [
        "final_loss",
        "depth_compare_steps",
        "optimizer_compare_steps",
    ]
    assert [category.title for category in merged.categories] == [
        "depth_compare: best rates",
        "optimizer_compare: best rates",
    ]
    assert all(category.closed for category in merged.categories)


def test_every_row_of_results_is_a_row_of_hparams(logs, tmp_path):
    (run,) = runs_of(Config(logdir=str(logs), experiment=("depth_compare",)))
    BoardTree(tmp_path).show([run])
    trials = sorted((tmp_path / "depth_compare" / "run" / "trials").iterdir())
    assert [path.name for path in trials] == [
        f"{number:03d} GD, rate {rate}" for number, rate in enumerate(("0.1", "0.3", "9"))
    ]
    assert not list((tmp_path / "depth_compare" / "run" / "GD").glob("*.hparams"))
    table = trial_table(run)
    assert [trial.failed for trial in table.trials] == [False, False, True]
    assert table.trials[1].hparams["log10_rate"] == pytest.approx(np.log10(0.3))
    # The diverged one stands apart, above the others, where parallel coordinates can draw it.
    assert table.trials[2].outcome["final_loss"] == 5.0 and table.left_out == 0
    assert table.trials[2].hparams["status"] == "diverged"


def test_too_many_rows_are_cut_and_counted(logs, monkeypatch):
    monkeypatch.setattr("experiments.board.trials.MOST_TRIALS", 2)
    (run,) = runs_of(Config(logdir=str(logs), experiment=("depth_compare",)))
    table = trial_table(run)
    assert len(table.trials) == 2 and table.left_out == 1


def test_a_run_of_an_earlier_version_is_shown_as_it_is(tmp_path):
    run = make_run(tmp_path / "logs", "plateau", is_old=True)
    tree = BoardTree(tmp_path / "tree")
    tree.show([run])
    place = tmp_path / "tree" / "plateau" / "run"
    assert len(list((place / "GD").iterdir())) == 2 and not (place / "trials").exists()
    merged = read_dashboard(tmp_path / "tree" / "dashboard")
    assert [info.name for info in merged.hparams] == ["depth", "plateau"]


def test_files_that_are_replaced_are_followed(logs, tmp_path):
    (run,) = runs_of(Config(logdir=str(logs), experiment=("depth_compare",)))
    tree = BoardTree(tmp_path)
    tree.show([run])
    log = TensorBoardLog(run.path)
    log.clear()
    with log.file("SGD") as file:
        file.scalars("loss", [0], [1.0])
    tree.show([run])
    place = tmp_path / "depth_compare" / "run"
    assert not list((place / "GD").iterdir()) and len(list((place / "SGD").iterdir())) == 1


def test_runs_that_come_later_are_linked_too(logs, tmp_path):
    tree = BoardTree(tmp_path)
    tree.show(runs_of(Config(logdir=str(logs), experiment=("depth_compare",))))
    first, *_ = read_dashboard(tmp_path / "dashboard").categories
    assert not first.closed  # of one experiment alone
    tree.show(runs_of(Config(logdir=str(logs))))
    tree.show(runs_of(Config(logdir=str(logs))))
    assert (tmp_path / "optimizer_compare" / "newer" / "charts").is_dir()
    assert len(events(tmp_path / "dashboard")["_hparams_/experiment"]) == 1


def test_tensorboard_serves_what_is_linked_on_localhost(logs, capsys):
    with board(logs) as found:
        base = found["HParams"].removesuffix("#hparams")
        assert base.startswith("http://localhost:")

        def get(path):
            with urllib.request.urlopen(f"{base}data/plugin/{path}") as answer:
                return json.load(answer)

        start = time.monotonic()
        while len(get("scalars/tags")) < 8 and time.monotonic() - start < 30:
            time.sleep(0.1)
        run = quote("optimizer_compare/newer/charts")
        of_trial = get("scalars/tags")["optimizer_compare/newer/trials/001 GD, rate 0.3"]
        assert set(of_trial) == {"final_loss", "optimizer_compare_steps"}
        descent = quote("optimizer_compare/newer/GD")
        assert len(get(f"scalars/scalars?run={descent}&tag={quote('best rates/all')}")) == 2
        assert len(get(f"images/images?run={run}&tag=figures/loss&sample=0")) == 1
        assert "none" in get(f"text/text?run={run}&tag=results")[0]["text"]
        assert len(get("custom_scalars/layout")["category"]) == 2
        port = base.split(":")[2].strip("/")
        with pytest.raises(SystemExit):
            main(["--logdir", str(logs), "--port", port])
        assert "choose another --port" in capsys.readouterr().err


def test_addresses_filter_by_experiment(logs):
    found = addresses("http://localhost:6006/", runs_of(Config(logdir=str(logs))))
    assert found["HParams"] == "http://localhost:6006/#hparams"
    pattern = quote("regexInput=^depth_compare/(?!.*/trials/)", safe="=")
    assert pattern in found["Custom Scalars, depth_compare"]
    assert "Distributions, depth_compare" not in found  # it has none


@pytest.mark.parametrize(
    ("tag", "shown"),
    [
        *((tag, True) for tag in ("best rates/part 1", "cross-entropy", "total", "norm of K")),
        *((tag, True) for tag in ("loss", "loss/L2", "log10 of excess loss/part 1")),
        *((tag, False) for tag in ("final_loss", "steps_to_10%", "figures/run_step", "rates/0.1")),
    ],
)
def test_time_series_shows_the_charts(tag, shown):
    assert (re.search(CHART_TAGS, tag) is not None) == shown


def test_print_starts_nothing(logs, capsys):
    main(["--logdir", str(logs), "--print", "--port", "7007"])
    shown = capsys.readouterr().out.splitlines()
    assert shown[-1].startswith(f"tensorboard --logdir {logs} --host localhost --port 7007 ")
    assert shown[0].startswith("Time Series") and "http://localhost:7007/?runFilter=" in shown[0]


BAD = {
    "no runs": [],
    "no such experiment": ["--experiment", "nothing"],
    "none": ["--newest", "0"],
    "port": ["--port", "-1"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case, tmp_path, capsys):
    assert_refused("board", main, BAD[case], tmp_path / "logs", capsys)


def test_nothing_is_served_to_other_machines():
    source = Path(main.__code__.co_filename).read_text()
    assert 'HOST = "localhost"' in source and "bind_all" not in source
