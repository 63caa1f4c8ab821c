"""Every experiment in turn, and one page about them all.

    python -m experiments.all --quick

Each writes the run `all` (`all-quick`); one that is finished is not run again, and one that was interrupted goes on
where it stood, or begins again if it keeps no checkpoints. One that fails does not keep the others from running.
LOGDIR/report.html is written after each. (`strategy_table` is left out: it prints, and leaves no run folder.)
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from experiments.harness.command_line import exit_codes, option, parse
from experiments.harness.results import OUTCOME
from experiments.minimal_run import write_minimal_run
from experiments.report.command import REPORT, write_page
from overparam_tf.errors import DataError, InputError
from overparam_tf.runlog import RunFolder
from overparam_tf.stopping import StopSignals, deferred

SECONDS_BETWEEN_LOOKS = 0.1


@dataclass(frozen=True)
class Entry:
    """An experiment as `all` runs it.

    Attributes:
        name: its name.
        data: what its `--data` names: gas sensor data, MNIST, or nothing where it has no such option.
    """

    name: str
    data: Literal["gas", "mnist"] | None = "gas"


# It takes no options and writes no run folder.
MINIMAL = Entry("minimal", data=None)
EXPERIMENTS = (
    MINIMAL,
    Entry("optimizer_compare"),
    Entry("depth_compare"),
    Entry("emulated_update"),
    Entry("plateau", data=None),
    Entry("no_regularizer"),
    Entry("mnist_cnn", data="mnist"),
    Entry("speedup"),
    Entry("when_depth_helps"),
    Entry("late_divergence"),
    Entry("step_cost", data=None),
    Entry("layer_cost", data=None),
    Entry("loop_cost", data=None),
    Entry("log_cost", data=None),
)


@dataclass(frozen=True)
class Config:
    """Runs every experiment in turn and writes LOGDIR/report.html."""

    logdir: str = option(
        "logs", "results go to LOGDIR/EXPERIMENT/all, the page to LOGDIR/report.html"
    )
    quick: bool = option(False, "short runs to see it work; their numbers mean little")
    data: str = option(
        "auto", "auto (real data if they can be had, else stand-ins), synthetic, or gas or its path"
    )
    only: tuple[str, ...] | None = option(None, "only these experiments")
    quiet: bool = option(False, "no progress, no tables")

    def __post_init__(self):
        known = [entry.name for entry in EXPERIMENTS]
        unknown = [name for name in self.only or () if name not in known]
        if unknown:
            raise InputError(
                f"Expected experiments of {known}. Received: --only {' '.join(unknown)}"
            )

    @property
    def name(self) -> str:
        """Name of every run."""
        return "all-quick" if self.quick else "all"

    def entries(self) -> list[Entry]:
        """What is to be run; `minimal` looks for its data by itself, and is left out where others are asked for."""
        chosen = [entry for entry in EXPERIMENTS if self.only is None or entry.name in self.only]
        return [entry for entry in chosen if entry != MINIMAL or self.data == "auto"]

    def data_of(self, entry: Entry) -> str | None:
        """What an experiment is given for `--data`: a path or a name is one of gas sensor data."""
        if entry.data == "mnist" and self.data != "synthetic":
            return "auto"
        return None if entry.data is None else self.data

    def command(self, entry: Entry) -> list[str]:
        """The command that runs one experiment."""
        options = ["--logdir", self.logdir, "--name", self.name]
        options += ["--quick"] if self.quick else []
        options += ["--quiet"] if self.quiet else []
        options += [] if (data := self.data_of(entry)) is None else ["--data", data]
        return [
            sys.executable,
            "-m",
            f"experiments.{entry.name}",
            *(options if entry != MINIMAL else []),
        ]

    def finished(self, entry: Entry) -> RunFolder | None:
        """The finished run of these options, if there is one.

        (Where the data are a stand-in, an experiment adds that to the name that it was given.)
        """
        for run in RunFolder.all(self.logdir, entry.name):
            try:
                config = run.read_config()
            except DataError:
                continue
            options = config.get("options", {})
            data = self.data_of(entry)
            same = (
                options.get("quick", self.quick) == self.quick and options.get("data", data) == data
            )
            named = run.name == self.name or run.name.startswith(f"{self.name}-")
            if (
                same
                and named
                and config.get("status") == RunFolder.FINISHED
                and (run.path / OUTCOME).is_file()
            ):
                return run
        return None


def run_all(config: Config) -> list[tuple[str, str]]:
    """Runs what is not finished yet, one after the other; returns (experiment, what went wrong)."""
    failures, page = [], Path(config.logdir) / REPORT
    page.parent.mkdir(parents=True, exist_ok=True)
    with deferred() as stop:
        for entry in config.entries():
            done = config.finished(entry)
            if done is not None:
                _say(config, f"{entry.name}: finished already, {done.path}")
                continue
            command = config.command(entry)
            _say(config, f"{entry.name}: {shlex.join(['python', *command[1:]])}")
            reason = None
            try:
                code = (
                    _run(command, stop) if entry != MINIMAL else _run_minimal(config, command, stop)
                )
                reason = f"ended with exit code {code}; run by itself it says why" if code else None
            except (InputError, OSError) as error:
                reason = str(error)
            if stop.signal:
                failures.append(
                    (entry.name, "interrupted; the same command goes on where it stood")
                )
                break
            failures += [(entry.name, reason)] if reason else []
            write_page(_runs(config), page, failures)
    return write_page(_runs(config), page, failures)


def _run(command: Sequence[str], stop: StopSignals, output: IO[str] | None = None) -> int:
    """Runs a command to its end and returns its exit code; a stop signal is handed on to it, once."""
    # In a session of its own, so that Ctrl-C reaches it through us alone: a second one would not let it save.
    child = subprocess.Popen(command, stdout=output, start_new_session=True)
    told = False
    try:
        while child.poll() is None:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            if stop.signal and not told:
                told = True
                child.send_signal(stop.signal)
    finally:  # a second signal interrupts us and it at once
        if child.poll() is None:
            child.terminate()
            child.wait()
    return child.returncode


def _run_minimal(config: Config, command: Sequence[str], stop: StopSignals) -> int:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        code = _run(command, stop, output)
        output.seek(0)
        printed = output.read()
    _say(config, printed.rstrip())
    if code == 0:
        write_minimal_run(printed, config.logdir, config.name)
    return code


def _runs(config: Config) -> list[RunFolder]:
    """The finished runs, for the page."""
    return [run for entry in config.entries() if (run := config.finished(entry)) is not None]


def _say(config: Config, line: str) -> None:
    if not config.quiet:
        print(line, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    with exit_codes("all"):
        config = parse(Config, "all", arguments)
        failures = run_all(config)
        _say(config, f"Report: {Path(config.logdir) / REPORT}")
    for experiment, reason in failures:
        print(f"all: {experiment}: {reason}", file=sys.stderr)
    if failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
