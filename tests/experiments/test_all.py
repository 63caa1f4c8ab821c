"""Every experiment in turn: what is skipped, what a failure or a stop signal does, and what the page says of it."""

from __future__ import annotations

import dataclasses
import importlib
import os
import signal
import sys
import threading
import time

import pytest
from experiments.minimal_run import write_minimal_run
from matplotlib.figure import Figure

from experiments import all as every
from experiments.harness.results import read_outcome
from experiments.report.command import ORDER
from overparam_tf import DataError
from tests.experiments.refusals import assert_refused
from tests.experiments.run_folders import make_run

COPY = "import shutil, sys; shutil.copytree(*sys.argv[1:])"
SAVE = """
import pathlib, signal, sys, time
path = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGINT, lambda *_: (path.with_suffix(".saved").touch(), sys.exit(130)))
path.touch()
time.sleep(60)
"""


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """Stand-ins for the experiments: three that copy a run folder made beforehand; more by {name: command}."""
    made = {}
    for name in ("optimizer_compare", "depth_compare", "plateau"):
        run = make_run(tmp_path / "templates", name, "all").path
        made[name] = [sys.executable, "-c", COPY, str(run), str(tmp_path / "logs" / name / "all")]
    monkeypatch.setattr(every, "EXPERIMENTS", tuple(every.Entry(name) for name in made))
    monkeypatch.setattr(every.Config, "command", lambda self, entry: made[entry.name])
    return made


def run(tmp_path, *options):
    """The exit code and the page."""
    try:
        every.main(["--logdir", str(tmp_path / "logs"), *options])
        code = 0
    except SystemExit as end:
        code = end.code
    return code, (tmp_path / "logs" / "report.html").read_text()


def test_each_runs_once_and_the_page_has_them_all(scripts, tmp_path, capsys):
    code, page = run(tmp_path)
    assert code == 0 and all(f'<section id="{name}"' in page for name in scripts)
    for command in scripts.values():
        command[2] = "raise SystemExit(9)"  # none of them runs again
    assert run(tmp_path)[0] == 0
    assert capsys.readouterr().out.count("finished already") == 3


def test_a_failure_takes_no_other_down(scripts, tmp_path, capsys):
    scripts["depth_compare"][2] = "raise SystemExit(7)"
    code, page = run(tmp_path, "--quiet")
    assert (
        code == 1 and '<section id="plateau"' in page and '<section id="depth_compare"' not in page
    )
    assert "<b>depth_compare</b>: ended with exit code 7" in page
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("all: depth_compare: ended with exit code 7")
    assert run(tmp_path, "--only", "plateau")[0] == 0


@pytest.mark.parametrize(
    "change", [{"status": "interrupted"}, {"options": {"quick": True, "data": "auto"}}]
)
def test_only_finished_runs_of_the_same_options_count(change, scripts, tmp_path):
    make_run(tmp_path / "logs", "plateau", "all", **change)
    assert every.Config(logdir=str(tmp_path / "logs")).finished(entry_of("plateau")) is None
    assert (
        every.Config(logdir=str(tmp_path / "templates")).finished(entry_of("plateau")) is not None
    )


def test_a_stop_signal_reaches_the_experiment_which_saves(scripts, tmp_path):
    marker = tmp_path / "begun"
    scripts["depth_compare"][:] = [sys.executable, "-c", SAVE, str(marker)]

    def interrupt():
        while not marker.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    code, page = run(tmp_path)
    thread.join()
    assert code == 130 and marker.with_suffix(".saved").exists()
    assert "<b>depth_compare</b>: interrupted" in page and '<section id="plateau"' not in page


COMMANDS = [
    ("optimizer_compare", "synthetic", "--data synthetic"),
    ("optimizer_compare", "some/folder", "--data some/folder"),
    ("mnist_cnn", "synthetic", "--data synthetic"),
    ("mnist_cnn", "auto", "--data auto"),
    ("mnist_cnn", "some/folder", "--data auto"),  # that is one of gas sensor data
    ("mnist_cnn", "gas", "--data auto"),
    ("plateau", "synthetic", ""),
    ("step_cost", "auto", ""),
]


def entry_of(name):
    (entry,) = [entry for entry in every.EXPERIMENTS if entry.name == name]
    return entry


@pytest.mark.parametrize(("name", "data", "options"), COMMANDS)
def test_commands(name, data, options):
    command = every.Config(quick=True, quiet=True, data=data).command(entry_of(name))
    common = "--logdir logs --name all-quick --quick --quiet"
    assert command == [
        sys.executable,
        "-m",
        f"experiments.{name}",
        *common.split(),
        *options.split(),
    ]


def test_minimal_takes_no_options():
    assert every.Config(quick=True).command(every.MINIMAL) == [
        sys.executable,
        "-m",
        "experiments.minimal",
    ]


@pytest.mark.parametrize(
    ("data", "given", "counts"), [("some/folder", "auto", True), ("synthetic", "auto", False)]
)
def test_a_run_on_mnist_counts_whatever_the_gas_sensor_data(data, given, counts, tmp_path):
    make_run(tmp_path, "mnist_cnn", "all", options={"quick": False, "data": given})
    config = every.Config(logdir=str(tmp_path), data=data)
    assert (config.finished(entry_of("mnist_cnn")) is not None) == counts


def test_the_page_has_the_order_of_the_runs():
    assert tuple(entry.name for entry in every.EXPERIMENTS) == ORDER


@pytest.mark.parametrize("entry", every.EXPERIMENTS, ids=lambda entry: entry.name)
def test_every_entry_is_an_experiment_that_takes_what_it_is_given(entry):
    module = importlib.import_module(f"experiments.{entry.name}")
    if entry != every.MINIMAL:
        options = {field.name for field in dataclasses.fields(module.Config)}
        assert {"logdir", "name", "quick", "quiet"} <= options and ("data" in options) == (
            entry.data is not None
        )


PRINTED = """Training on made up (4 x 2): three ways, three learning rates each, 9 steps ...
Overparameterisation accelerates: 19% closer to the lowest loss than the better of the two.
Figure: {figure}
"""


def test_minimal_gets_a_run_folder(tmp_path):
    Figure().savefig(tmp_path / "minimal.png")
    folder = write_minimal_run(
        PRINTED.format(figure=tmp_path / "minimal.png"), str(tmp_path), "all"
    )
    outcome = read_outcome(folder)
    assert (
        outcome.claims[0].held and "19% closer" in outcome.printed and outcome.figures[0].is_file()
    )
    assert folder.read_config()["data"] == {"label": "made up (4 x 2)", "synthetic": False}
    assert every.Config(logdir=str(tmp_path)).finished(every.MINIMAL).path == folder.path
    with pytest.raises(DataError, match="minimal prints"):
        write_minimal_run("Killed", str(tmp_path), "all")


def test_minimal_is_left_out_where_it_cannot_have_the_data():
    assert (
        every.MINIMAL in every.Config().entries()
        and every.MINIMAL not in every.Config(data="synthetic").entries()
    )


def test_an_unknown_experiment_is_one_line(tmp_path, capsys):
    assert_refused("all", every.main, ["--only", "nothing"], tmp_path / "logs", capsys)
