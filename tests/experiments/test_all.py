"""`experiments.all`: finished runs are skipped; failures and stop signals are shown on the page."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import sys
import threading
import time

import pytest

from experiments import all as every
from experiments.harness.registry import EXPERIMENTS, Entry
from experiments.report.command import main as report
from tests.experiments.loading import load_experiment
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
def scripts(tmp_path):
    """Return the commands of stand-ins for three experiments; each copies a finished run folder."""
    commands = {}
    for name in ("optimizer_compare", "depth_compare", "plateau"):
        run = make_run(tmp_path / "templates", name, "all").path
        copy = tmp_path / "logs" / name / "all"
        commands[name] = [sys.executable, "-c", COPY, str(run), str(copy)]
    return commands


def run(tmp_path, scripts, *options):
    """Return the exit code and the page."""
    entries = [Entry(name) for name in scripts]
    arguments = ["--logdir", str(tmp_path / "logs"), *options]
    try:
        every.main(arguments, entries, lambda _, entry: scripts[entry.name])
        code = 0
    except SystemExit as end:
        code = end.code
    return code, (tmp_path / "logs" / "report.html").read_text()


def test_each_runs_once_and_the_page_has_them_all(scripts, tmp_path, capsys):
    code, page = run(tmp_path, scripts)
    assert code == 0 and all(f'<section id="{name}"' in page for name in scripts)
    for command in scripts.values():
        command[2] = "raise SystemExit(9)"  # none of them runs again
    assert run(tmp_path, scripts)[0] == 0
    assert capsys.readouterr().out.count("finished already") == 3


def test_a_failure_takes_no_other_down(scripts, tmp_path, capsys):
    scripts["depth_compare"][2] = "raise SystemExit(7)"
    code, page = run(tmp_path, scripts, "--quiet")
    assert (
        code == 1 and '<section id="plateau"' in page and '<section id="depth_compare"' not in page
    )
    assert "<b>depth_compare</b>: ended with exit code 7" in page
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("all: depth_compare: ended with exit code 7")
    assert run(tmp_path, scripts, "--only", "plateau")[0] == 0


@pytest.mark.parametrize(
    "change", [{"status": "interrupted"}, {"options": {"quick": True, "data": "auto"}}]
)
def test_only_finished_runs_of_the_same_options_count(change, scripts, tmp_path):
    plateau = Entry("plateau")
    make_run(tmp_path / "logs", "plateau", "all", **change)
    assert every.Config(logdir=str(tmp_path / "logs")).finished_run(plateau) is None
    assert every.Config(logdir=str(tmp_path / "templates")).finished_run(plateau) is not None


def test_a_stop_signal_reaches_the_experiment_which_saves(scripts, tmp_path):
    marker = tmp_path / "begun"
    scripts["depth_compare"][:] = [sys.executable, "-c", SAVE, str(marker)]

    def interrupt():
        while not marker.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    code, page = run(tmp_path, scripts)
    thread.join()
    assert code == 130 and marker.with_suffix(".saved").exists()
    assert "<b>depth_compare</b>: interrupted" in page and '<section id="plateau"' not in page


COMMANDS = [
    ("minimal", "some/folder", "--data some/folder"),
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
    (entry,) = [entry for entry in EXPERIMENTS if entry.name == name]
    return entry


@pytest.mark.parametrize(("name", "data", "options"), COMMANDS)
def test_commands(name, data, options):
    command = every.Config(quick=True, quiet=True, data=data).command(entry_of(name))
    common = "--logdir logs --name all-quick --quick --quiet"
    module = f"experiments.{'benchmarks.' if name == 'step_cost' else ''}{name}"
    assert command == [sys.executable, "-m", module, *common.split(), *options.split()]


@pytest.mark.parametrize(
    ("data", "recorded", "counts"), [("some/folder", "auto", True), ("synthetic", "auto", False)]
)
def test_a_run_on_mnist_counts_whatever_the_gas_sensor_data(data, recorded, counts, tmp_path):
    make_run(tmp_path, "mnist_cnn", "all", options={"quick": False, "data": recorded})
    config = every.Config(logdir=str(tmp_path), data=data)
    assert (config.finished_run(entry_of("mnist_cnn")) is not None) == counts


def test_the_page_has_the_order_of_the_registry(tmp_path):
    for entry in (*reversed(EXPERIMENTS), Entry("unlisted")):
        make_run(tmp_path, entry.name)
    report(["--logdir", str(tmp_path)])
    page = (tmp_path / "report.html").read_text()
    names = [entry.name for entry in EXPERIMENTS]
    assert re.findall(r'<section id="(\w+)"', page) == ["claims", *names, "unlisted"]


@pytest.mark.parametrize("entry", EXPERIMENTS, ids=lambda entry: entry.name)
def test_every_entry_is_an_experiment_that_takes_the_options_of_its_command(entry):
    experiment = load_experiment(entry.name)
    options = {field.name for field in dataclasses.fields(experiment.options_class)}
    assert experiment.name == entry.name
    assert {"logdir", "name", "quick", "quiet"} <= options
    assert ("data" in options) == (entry.data is not None)


def test_an_unknown_experiment_is_one_line(tmp_path, capsys):
    assert_refused("all", every.main, ["--only", "nothing"], tmp_path / "logs", capsys)


def test_data_that_are_not_there_are_one_line_before_anything_starts(tmp_path, capsys):
    assert_refused("all", every.main, ["--data", "no/such/folder"], tmp_path / "logs", capsys)


def test_a_run_whose_data_had_another_name_is_on_the_page(scripts, tmp_path):
    """With `--data synthetic` an experiment draws the run again that `auto` made on a stand-in."""
    make_run(tmp_path / "logs", "plateau", "all-synthetic-gas", synthetic=True)
    scripts = {"plateau": [sys.executable, "-c", "pass"]}
    code, page = run(tmp_path, scripts, "--data", "synthetic")
    assert code == 0 and '<section id="plateau"' in page
