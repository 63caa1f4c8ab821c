"""Run every experiment in turn, and write one page about all of them.

    python -m experiments.all --quick

Each experiment writes the run `all` (`all-quick`). A finished run is not run again; an interrupted
one continues from its checkpoints, or starts over if it keeps none. If one fails, the others still
run. LOGDIR/report.html is written after each of them. (`strategy_table` is left out: it prints a
table and leaves no run folder.)
"""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.harness.child_processes import bound_to_this_process
from experiments.harness.command_line import exit_codes
from experiments.harness.parsing import option, parse
from experiments.harness.registry import EXPERIMENTS, Entry
from experiments.harness.results import RESULTS
from experiments.report.command import REPORT, write_page
from overparam_tf.datasets.gas import GAS
from overparam_tf.datasets.search import find_files
from overparam_tf.errors import DataError, InputError
from overparam_tf.runlog import RunFolder, RunStatus
from overparam_tf.stopping import StopSignals, deferred

SECONDS_BETWEEN_LOOKS = 0.1


@dataclass(frozen=True)
class Config:
    """Run every experiment in turn and write LOGDIR/report.html."""

    logdir: str = option(
        "logs", "results go to LOGDIR/EXPERIMENT/all, the page to LOGDIR/report.html"
    )
    quick: bool = option(False, "short runs to see it work; their numbers mean little")
    data: str = option(
        "auto",
        "auto (real data if they are found, else stand-ins), synthetic, or gas or its path",
    )
    only: tuple[str, ...] | None = option(None, "only these experiments")
    quiet: bool = option(False, "no progress, no tables")

    def __post_init__(self) -> None:
        known = [entry.name for entry in EXPERIMENTS]
        unknown = [name for name in self.only or () if name not in known]
        if unknown:
            raise InputError(
                f"Expected experiments of {known}. Received: --only {' '.join(unknown)}"
            )

    @property
    def name(self) -> str:
        """Return the name of every run."""
        return "all-quick" if self.quick else "all"

    def data_of(self, entry: Entry) -> str | None:
        """Return the value of `--data` for an experiment, or None if it has no such option.

        A path or the name of a data set is that of the gas sensor data; MNIST is then searched for.
        """
        if entry.data == "mnist" and self.data != "synthetic":
            return "auto"
        return None if entry.data is None else self.data

    def command(self, entry: Entry) -> list[str]:
        """Return the command that runs one experiment."""
        command = [sys.executable, "-m", entry.module, "--logdir", self.logdir, "--name", self.name]
        if self.quick:
            command.append("--quick")
        if self.quiet:
            command.append("--quiet")
        data = self.data_of(entry)
        return command if data is None else [*command, "--data", data]

    def finished_run(self, entry: Entry) -> RunFolder | None:
        """Return the finished run of these options, or None."""
        data = self.data_of(entry)
        return next((run for run in self._runs(entry) if _option(run, "data") == data), None)

    def latest_run(self, entry: Entry) -> RunFolder | None:
        """Return the finished run whose results are the newest, whatever named its data, or None.

        Data of two names may be the same: an experiment then draws the run of the first name again.
        """
        runs = self._runs(entry)
        return max(runs, key=lambda run: (run.path / RESULTS).stat().st_mtime, default=None)

    def _runs(self, entry: Entry) -> list[RunFolder]:
        """Return the finished runs of this name and length."""
        runs = []
        for run in RunFolder.all(self.logdir, entry.name):
            with contextlib.suppress(DataError):
                if self._is_finished(run):
                    runs.append(run)
        return runs

    def _is_finished(self, run: RunFolder) -> bool:
        record = run.read_config()
        # If the data are a stand-in, the run's name ends in the stand-in's.
        return (
            (run.name == self.name or run.name.startswith(f"{self.name}-"))
            and record.get("options", {}).get("quick") == self.quick
            and record.get("status") == RunStatus.FINISHED
            and (run.path / RESULTS).is_file()
        )


def _option(run: RunFolder, name: str) -> Any:
    """Return an option of a run, as its config.json has it."""
    return run.read_config().get("options", {}).get(name)


Command = Callable[[Config, Entry], Sequence[str]]


def run_all(
    options: Config, entries: Sequence[Entry] = EXPERIMENTS, command: Command = Config.command
) -> list[tuple[str, str]]:
    """Run the experiments that are not finished yet, one after the other.

    Args:
        options: The options.
        entries: All experiments; default those of the registry.
        command: Returns the command that runs one of them; default `Config.command`.

    Returns:
        Pairs of an experiment that did not end well and the reason.
    """
    chosen = [entry for entry in entries if options.only is None or entry.name in options.only]
    failures: list[tuple[str, str]] = []
    shown: dict[str, RunFolder | None] = {}
    page = Path(options.logdir) / REPORT
    page.parent.mkdir(parents=True, exist_ok=True)
    with deferred() as stop:
        for entry in chosen:
            done = options.finished_run(entry)
            if done is not None:
                _print(options, f"{entry.name}: finished already, {done.path}")
                shown[entry.name] = done
                continue
            reason = _run(options, entry, command(options, entry), stop)
            if stop.signal:
                reason = "interrupted; the same command goes on where it stood"
            if reason:
                failures.append((entry.name, reason))
            else:
                shown[entry.name] = options.latest_run(entry)
            if stop.signal:
                break
            write_page(_finished_runs(options, chosen, shown), page, failures)
    return write_page(_finished_runs(options, chosen, shown), page, failures)


def _run(options: Config, entry: Entry, command: Sequence[str], stop: StopSignals) -> str | None:
    """Run one experiment; return why it did not end well, or None."""
    _, *arguments = command
    _print(options, f"{entry.name}: {shlex.join(['python', *arguments])}")
    try:
        code = _exit_code(command, stop)
    except OSError as error:
        return str(error)
    return f"ended with exit code {code}; run by itself it says why" if code else None


def _exit_code(command: Sequence[str], stop: StopSignals) -> int:
    """Return the exit code of a command run to its end; a stop signal is passed on to it once."""
    # In a session of its own, so that Ctrl-C reaches it through this process alone: a second signal
    # would keep it from saving.
    child = subprocess.Popen(bound_to_this_process(command), start_new_session=True)
    is_passed_on = False
    try:
        while child.poll() is None:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            if stop.signal and not is_passed_on:
                is_passed_on = True
                child.send_signal(stop.signal)
    finally:  # a second signal ends this process and the child at once
        if child.poll() is None:
            child.terminate()
            child.wait()
    return child.returncode


def _finished_runs(
    options: Config, entries: Sequence[Entry], shown: Mapping[str, RunFolder | None]
) -> list[RunFolder]:
    """Return the finished runs, for the page: those that ended now, and those of before."""
    runs = [shown.get(entry.name) or options.finished_run(entry) for entry in entries]
    return [run for run in runs if run is not None]


def _check_data(options: Config) -> None:
    """Check that data given by their path are there, before any experiment starts to be refused.

    Raises:
        DataError: If they are not.
    """
    if options.data not in ("auto", "gas", "synthetic"):
        find_files(GAS, options.data, data_dir="data", download=False, announce=print)


def _print(options: Config, line: str) -> None:
    if not options.quiet:
        print(line, flush=True)


def main(
    arguments: Sequence[str] | None = None,
    entries: Sequence[Entry] = EXPERIMENTS,
    command: Command = Config.command,
) -> None:
    """Run the command line.

    Args:
        arguments: Default `sys.argv[1:]`.
        entries: All experiments; see `run_all`.
        command: Returns the command that runs one of them; see `run_all`.
    """
    with exit_codes("all"):
        options = parse(Config, "all", arguments)
        _check_data(options)
        failures = run_all(options, entries, command)
        _print(options, f"Report: {Path(options.logdir) / REPORT}")
    for experiment, reason in failures:
        print(f"all: {experiment}: {reason}", file=sys.stderr)
    if failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
