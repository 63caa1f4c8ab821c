"""Faults while an experiment runs: kills, signals, a full disk, a second process.

A run that is continued after them ends in the same bits as one without faults.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import resource
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest

from overparam_tf import InputError
from overparam_tf.runlog import ProgressReport, RunFolder
from tests.event_files import events
from tests.experiments.often import EXPERIMENT
from tests.processes import start

main = EXPERIMENT.main
OPTIONS = ["--steps", "200", "--depths", "1", "--learning-rates", "0.0001", "0.5"]
RESULTS = ("results.csv", "curves.npz", "weights.npz")
FIGURES = {"comparison_1.png", "comparison_2.png", "excess_loss.png", "loss_against_rate.png"}


def in_process(logdir, *options):
    """Run the experiment under the name `run`; return the exit code."""
    try:
        main(["--logdir", str(logdir), "--name", "run", "--quiet", *OPTIONS, *options])
    except SystemExit as stopped:
        return stopped.code
    return 0


def folder_of(logdir):
    (folder,) = (logdir / "optimizer_compare").iterdir()
    return folder


def status(logdir):
    return json.loads((folder_of(logdir) / "config.json").read_text())["status"]


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Return the result files of an uninterrupted run."""
    logdir = tmp_path_factory.mktemp("whole")
    assert in_process(logdir) == 0 and status(logdir) == "finished"
    assert not (folder_of(logdir) / "checkpoints").exists()
    return {name: (folder_of(logdir) / name).read_bytes() for name in RESULTS}


def assert_same_bits(logdir, expected):
    folder = folder_of(logdir)
    assert {name: (folder / name).read_bytes() for name in RESULTS} == expected
    assert (
        status(logdir) == "finished"
        and {path.name for path in (folder / "figures").iterdir()} == FIGURES
    )
    assert not [path for path in folder.rglob("*") if path.suffix == ".tmp"]
    # TensorBoard's curve has each step once, whatever happened in between.
    steps = [step for step, _ in events(folder / "AdaGrad")["loss"]]
    assert steps == list(range(201))


@contextlib.contextmanager
def process(logdir, **environment):
    """Yield the process of the experiment from its beginning, and the files that it prints to."""
    arguments = ["--logdir", str(logdir), "--name", "run", *OPTIONS]
    with tempfile.TemporaryDirectory() as folder:
        output, errors = (Path(folder) / name for name in ("output", "errors"))
        output.touch()
        running = start("tests.experiments.often", arguments, environment, output, errors)
        try:
            while not output.read_text().startswith("ready\n"):
                assert running.is_alive(), errors.read_text()
                time.sleep(0.01)
            yield running, errors
        finally:
            running.kill()
            running.join()


def killed(logdir, moment):
    """Start the run and kill it.

    Args:
        logdir: The log folder.
        moment: Seconds from the beginning as a float, or a moment for `often.kill_at`.
    """
    timed = isinstance(moment, float)
    with process(logdir, **({} if timed else {"KILL_AT": moment})) as (running, _):
        running.join(moment if timed else None)
        running.kill()
        running.join()
    assert timed or running.exitcode == -signal.SIGKILL


def test_four_kills_and_a_random_clock(expected, tmp_path):
    """Kill it amid steps, while a checkpoint is written, before it has its name, and anywhere."""
    generator = random.Random(2019)
    for moment in ("advance 3", "fsync 5", "replace 4", generator.uniform(0, 5)):
        killed(tmp_path, moment)
        for path in tmp_path.rglob("*"):
            os.utime(path, (generator.randrange(2**31),) * 2)
    assert in_process(tmp_path) == 0
    assert_same_bits(tmp_path, expected)


@pytest.fixture(scope="module")
def duration(tmp_path_factory):
    """Return the seconds that a run takes from its beginning."""
    with process(tmp_path_factory.mktemp("timed")) as (running, _):
        began = time.monotonic()
        running.join()
        assert running.exitcode == 0
        return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_a_kill_at_a_random_moment_of_a_whole_run(seed, duration, expected, tmp_path):
    """Kill twenty runs at any time (compiling, drawing ..) and ten while they step and write."""
    generator = random.Random(seed)
    planned = f"{generator.choice(('advance', 'fsync', 'replace'))} {generator.randrange(1, 60)}"
    killed(tmp_path, generator.uniform(0, duration) if seed < 20 else planned)
    print(
        f"seed {seed}, files when killed:",
        *(path.name for path in tmp_path.rglob("*") if path.is_file()),
    )
    assert in_process(tmp_path) == 0
    assert_same_bits(tmp_path, expected)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_signal_saves_draws_and_says_so_to_the_shell(number, code, expected, tmp_path):
    with process(tmp_path) as (running, printed):
        while not list(tmp_path.rglob("step-*.npz")):
            assert running.is_alive()
        with pytest.raises(InputError, match="Another process is running"):
            RunFolder(folder_of(tmp_path)).lock()
        os.kill(running.pid, number)
        running.join()
        errors = printed.read_text()
    assert (
        running.exitcode == code
        and "Traceback" not in errors
        and f"--name {folder_of(tmp_path).name}" in errors
    )
    assert (
        status(tmp_path) == "interrupted"
        and ",interrupted," in (folder_of(tmp_path) / "results.csv").read_text()
    )
    assert {path.name for path in (folder_of(tmp_path) / "figures").iterdir()} == FIGURES - {
        "comparison_2.png"
    }
    assert in_process(tmp_path) == 0
    assert_same_bits(tmp_path, expected)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """Return the log folder of a run that a Ctrl-C ended after its first step."""
    logdir = tmp_path_factory.mktemp("interrupted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProgressReport, "__call__", lambda *_: signal.raise_signal(signal.SIGINT))
        assert in_process(logdir) == 130
    return logdir


def test_moved_elsewhere_it_is_continued_without_its_name_or_a_clock(
    interrupted, expected, tmp_path, monkeypatch
):
    moved = tmp_path / "elsewhere"
    shutil.copytree(interrupted, moved)
    monkeypatch.setattr(time, "time", lambda: 0.0)  # 1970
    main(["--logdir", str(moved), "--quiet", "--resume", *OPTIONS])
    assert_same_bits(moved, expected)


def test_a_damaged_checkpoint_is_reported(interrupted, expected, tmp_path, capsys):
    shutil.copytree(interrupted, tmp_path, dirs_exist_ok=True)
    for path in tmp_path.rglob("step-*.npz"):
        path.write_bytes(path.read_bytes()[1:])
    assert in_process(tmp_path) == 0
    assert "damaged" in capsys.readouterr().err
    assert_same_bits(tmp_path, expected)


def refused(capsys, logdir, *options):
    """Return the one line that refuses to run."""
    with pytest.raises(SystemExit) as caught:
        main(["--logdir", str(logdir), "--quiet", *OPTIONS, *options])
    error = capsys.readouterr().err
    assert caught.value.code == 2 and error.count("\n") == 1
    return error


def test_what_cannot_be_continued_is_refused_with_the_difference(interrupted, tmp_path, capsys):
    name, difference = folder_of(interrupted).name, "(options.steps: 5 now, 200 there)"
    assert "options.steps: 5 now, 200 there" in refused(
        capsys, interrupted, "--name", "run", "--steps", "5"
    )
    assert "options.dtype" in refused(
        capsys, interrupted, "--name", "run", "--resume", "--dtype", "float64"
    )
    assert f"{name} {difference}" in refused(capsys, interrupted, "--resume", "--steps", "5")
    assert "Expected a run to continue" in refused(capsys, tmp_path, "--resume", "--name", "run")
    assert "none at all" in refused(capsys, tmp_path, "--resume")


@pytest.mark.parametrize(
    ("options", "reason"), [(["--name", "run"], "Another process"), (["--resume"], "(running)")]
)
def test_a_second_run_in_the_same_folder_is_refused(options, reason, interrupted, capsys):
    RunFolder(folder_of(interrupted)).lock()
    assert reason in refused(capsys, interrupted, *options)


def test_a_finished_run_is_drawn_again(tmp_path, capsys):
    short = ["--steps", "5", "--part", "1", "--no-quiet"]
    assert in_process(tmp_path, *short) == 0
    before = (folder_of(tmp_path) / "results.csv").stat()
    (folder_of(tmp_path) / "figures" / "excess_loss.png").unlink()
    capsys.readouterr()
    assert in_process(tmp_path, *short) == 0
    assert "finished already" in capsys.readouterr().out
    assert (folder_of(tmp_path) / "results.csv").stat() == before
    assert (folder_of(tmp_path) / "figures" / "excess_loss.png").exists()
    assert "(finished)" in refused(capsys, tmp_path, "--resume", *short)


@contextlib.contextmanager
def largest_file(size):
    """Open a block in which no file can grow beyond `size` bytes, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(expected, tmp_path, capsys):
    # Bytes that fit, and the file that is too large for them: the first one, a checkpoint, a
    # figure, all figures in one file.
    for size, file in (
        (100, "config.json"),
        (10_000, "step-"),
        (50_000, ""),
        (200_000, "TensorBoard"),
    ):
        with largest_file(size):
            error = refused(capsys, tmp_path, "--name", "run")
        assert file in error and "intact" in error and "File too large" in error
    assert in_process(tmp_path) == 0
    assert_same_bits(tmp_path, expected)


def refuse_to_write(*arguments, **keywords):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


@pytest.mark.parametrize("call", ["pathlib.Path.mkdir", "os.open"])
def test_a_read_only_log_folder_is_one_line(call, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(call, refuse_to_write)
    assert "Read-only file system; choose another --logdir" in refused(
        capsys, tmp_path, "--name", "run"
    )
