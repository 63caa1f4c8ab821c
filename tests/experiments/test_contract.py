"""The contract that every experiment keeps: run folder, redrawing, damaged files, bad input."""

from __future__ import annotations

import dataclasses
import json
import shlex
import shutil

import pytest
from PIL import Image

from experiments.harness.registry import EXPERIMENTS
from experiments.harness.results import RESULTS, read_results
from overparam_tf.runlog import RunFolder
from overparam_tf.runlog.lock import LOCK
from tests.event_files import events
from tests.experiments.bad_options import BAD_OPTIONS
from tests.experiments.finished_runs import DATA, FinishedRun, run_with_output
from tests.experiments.loading import load_experiment
from tests.experiments.refusals import assert_refused

# Experiments whose tables are about generated problems, whatever the data.
WITH_GENERATED_TABLES = ("when_depth_helps",)
# Files that drawing does not read: it writes the one, the other is for later use.
NOT_NEEDED = {"speedup": ("ratios.csv",), "mnist_cnn": ("spectra.npz",)}
# Files that an interrupted run may lack; damaged, they are refused like any other.
MAY_BE_MISSING = {"speedup": ("prices.csv",), "step_cost": ("job.csv",)}
NAMES = [entry.name for entry in EXPERIMENTS]
BAD = {
    f"{name}: {fault}": (name, shlex.split(options))
    for name, faults in BAD_OPTIONS.items()
    for fault, options in faults.items()
}


def redraw(run):
    """Draw a run again and return what is printed."""
    arguments = ["--logdir", str(run.logdir), "--redraw", run.name]
    return run_with_output(load_experiment(run.path.parent.name), arguments)


def exit_code_of_redraw(run):
    try:
        redraw(run)
    except SystemExit as end:
        return end.code
    return 0


def figures(path):
    return sorted(file.name for file in path.glob("figures/*"))


def data_files(path):
    """Return the content of the files that figures and tables are drawn from."""
    files = [file for file in path.iterdir() if file.is_file() and file.suffix != ".keras"]
    names = {file.name for file in files} - {RESULTS, LOCK}
    return {name: (path / name).read_bytes() for name in names}


@pytest.mark.parametrize("name", NAMES)
def test_the_run_folder_explains_itself(name, finished_run):
    run = finished_run(name)
    record = json.loads((run.path / "config.json").read_text())
    assert record["experiment"] == name and record["status"] == "finished"
    assert {"command", "commit", "versions", "machine", "devices", "started"} <= set(record)
    options_class = load_experiment(name).options_class
    assert set(record["options"]) == {field.name for field in dataclasses.fields(options_class)}
    assert record["options"]["name"] == "run" and record["options"]["redraw"] is None
    results = read_results(RunFolder(run.path))
    assert results.tables and results.claims
    assert sorted(figure.name for figure in results.figures) == figures(run.path)
    assert not list(run.path.rglob("*.tmp")) and not (run.path / "checkpoints").exists()


@pytest.mark.parametrize("name", [name for name in NAMES if DATA[name]])
def test_a_stand_in_names_itself(name, finished_run):
    run = finished_run(name)
    data = json.loads((run.path / "config.json").read_text())["data"]
    assert data["synthetic"] and len(data["sha256"]) == 64
    assert run.name == f"run-{data['name']}"
    assert "SYNTHETIC" in data["label"]
    assert "SYNTHETIC" in run.output or name in WITH_GENERATED_TABLES
    for path in (run.path / "figures").iterdir():
        with Image.open(path) as image:
            assert "SYNTHETIC" in image.info["Description"], path
    assert any(b"SYNTHETIC" in file.read_bytes() for file in run.path.rglob("events*"))


@pytest.mark.parametrize("name", NAMES)
def test_redraw_needs_only_the_folder(name, copy_of_run):
    run = copy_of_run(name)
    names, before = figures(run.path), data_files(run.path)
    results = (run.path / RESULTS).read_bytes()
    shutil.rmtree(run.path / "figures", ignore_errors=True)
    (run.path / RESULTS).unlink()
    output = redraw(run)
    assert figures(run.path) == names and data_files(run.path) == before
    assert (run.path / RESULTS).read_bytes() == results
    printed, drawn = (text.rpartition("Run folder: ")[0] for text in (run.output, output))
    assert drawn == printed
    texts = [table.title.lower() for table in read_results(RunFolder(run.path)).tables]
    tags = {
        *texts,
        "claims",
        "settings",
        *(f"figures/{name.removesuffix('.png')}" for name in names),
    }
    shown = events(run.path / "charts")
    assert {tag: len(shown.get(tag, ())) for tag in tags} == dict.fromkeys(tags, 1)


@pytest.mark.parametrize("name", NAMES)
def test_damaged_and_missing_files_are_one_line(name, copy_of_run, capsys):
    run = copy_of_run(name)
    for file, content in data_files(run.path).items():
        for damage in (content[: len(content) // 2] + b"\xff", None):
            path = run.path / file
            path.unlink() if damage is None else path.write_bytes(damage)
            code = exit_code_of_redraw(run)
            error = capsys.readouterr().err
            path.write_bytes(content)
            may_be_missing = damage is None and file in MAY_BE_MISSING.get(name, ())
            if file in NOT_NEEDED.get(name, ()) or may_be_missing:
                assert code == 0 and not error
                continue
            assert code == 2, (file, error)
            assert error.startswith(f"{name}: error: ") and error.count("\n") == 1, (file, error)
            is_no_run = file == "config.json" and damage is None
            assert (run.name if is_no_run else file) in error


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_without_results_is_one_line(name, copy_of_run, capsys):
    run = copy_of_run(name)
    files = set(data_files(run.path)) - {"config.json"}
    for file in files:
        (run.path / file).unlink()
    assert exit_code_of_redraw(run) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and any(file in error for file in files)


# The least that a config.json must say.
LEAST = {"plateau": "{}", "step_cost": '{"options": {"part": "all"}}'}


@pytest.mark.parametrize("name", LEAST)
def test_a_config_alone_is_one_line(name, tmp_path, capsys):
    folder = tmp_path / name / "run"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(LEAST[name])
    assert exit_code_of_redraw(FinishedRun(folder, "")) == 2
    error = capsys.readouterr().err
    assert "results.csv" in error and error.count("\n") == 1


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, tmp_path, capsys):
    name, options = BAD[case]
    data = ["--data", "synthetic"] if DATA[name] and "--data" not in options else []
    main = load_experiment(name).main
    assert_refused(name, main, [*data, *options], tmp_path / "logs", capsys)


@pytest.mark.parametrize("name", NAMES)
def test_help_names_every_option(name, capsys):
    experiment = load_experiment(name)
    with pytest.raises(SystemExit) as caught:
        experiment.main(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for field in dataclasses.fields(experiment.options_class):
        assert f"--{field.name.replace('_', '-')}" in shown
