"""Dataclasses as command lines: options, defaults of quick runs, help, exit codes."""

from __future__ import annotations

import dataclasses
import signal
from typing import Literal

import pytest

from experiments.harness.command_line import Experiment, exit_codes
from experiments.harness.options import RunOptions
from experiments.harness.parsing import option, parse, resolve_defaults
from overparam_tf import InputError


@dataclasses.dataclass(frozen=True)
class Config:
    """What it does."""

    mode: Literal["fast", "slow"] = option("fast", "how")
    steps: int | None = option(None, "how many, 100% yours")
    rates: tuple[float, ...] = option((0.1, 0.2), "which")
    loud: bool = option(False, "say so")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", Config()),
        ("--mode slow --steps 5", Config(mode="slow", steps=5)),
        ("--rates 1e-3", Config(rates=(1e-3,))),
        ("--rates 1 2 3 --loud", Config(rates=(1.0, 2.0, 3.0), loud=True)),
        ("--no-loud", Config()),
    ],
)
def test_options_become_fields(line, expected):
    assert parse(Config, "program", line.split()) == expected


@pytest.mark.parametrize(
    "line",
    ["--mode medium", "--steps x", "--steps 1.5", "--rates", "--rates a", "--nothing", "stray"],
)
def test_bad_options_are_one_line_and_exit_code_2(line, capsys):
    with pytest.raises(SystemExit) as caught:
        parse(Config, "program", line.split())
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("program: error: ") and error.count("\n") == 1


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as caught:
        parse(Config, "program", ["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert "100% yours" in shown and "(default: 0.1 0.2)" in shown and "What it does." in shown


@dataclasses.dataclass(frozen=True)
class QuickConfig:
    """How long it runs."""

    quick: bool = option(False, "a short run")
    steps: int = option(600_000, "how many", quick=1_000)
    seeds: tuple[int, ...] | None = option((0, 1), "which", quick=None)

    def __post_init__(self):
        resolve_defaults(self)


@pytest.mark.parametrize(
    ("line", "steps", "seeds"),
    [
        ("", 600_000, (0, 1)),
        ("--quick", 1_000, None),
        ("--quick --steps 5", 5, None),
        ("--quick --steps 600000 --seeds 3", 600_000, (3,)),
        ("--steps 5", 5, (0, 1)),
    ],
)
def test_a_quick_run_has_defaults_of_its_own(line, steps, seeds):
    options = parse(QuickConfig, "program", line.split())
    assert (options.steps, options.seeds) == (steps, seeds)
    assert dataclasses.asdict(options) == {
        "quick": "--quick" in line,
        "steps": steps,
        "seeds": seeds,
    }


def test_help_names_both_defaults(capsys):
    with pytest.raises(SystemExit):
        parse(QuickConfig, "program", ["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "how many (default: 600000, with --quick 1000)" in shown
    assert "which (default: 0 1, with --quick None)" in shown


def test_bad_input_is_one_line_and_exit_code_2(tmp_path, capsys):
    def run(config):
        raise InputError("Expected more. Received: less")

    with pytest.raises(SystemExit) as caught:
        Experiment("program", RunOptions, run, draw=None).main(["--logdir", str(tmp_path)])
    assert caught.value.code == 2
    assert capsys.readouterr().err == "program: error: Expected more. Received: less\n"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_stop_signal_is_one_line_and_the_exit_code_of_shells(number, code, capsys):
    with pytest.raises(SystemExit) as caught, exit_codes("program"):
        signal.raise_signal(number)
        raise AssertionError("still alive")
    assert caught.value.code == code
    assert capsys.readouterr().err == "program: interrupted\n"


def test_a_file_that_cannot_be_written_is_one_line_and_exit_code_2(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught, exit_codes("program"):
        (tmp_path / "missing" / "figure.png").write_bytes(b"")
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "figure.png" in error and "intact" in error and error.count("\n") == 1


def test_other_exceptions_are_bugs_and_keep_their_traceback():
    with pytest.raises(ZeroDivisionError), exit_codes("program"):
        print(1 / 0)
