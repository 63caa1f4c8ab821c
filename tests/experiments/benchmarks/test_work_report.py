"""Progress of a benchmark: a bar on a terminal, a line now and then elsewhere, nothing if quiet."""

from __future__ import annotations

import io
import threading

from rich.console import Console

from experiments.benchmarks.work_report import WorkReport


def output_of(terminal=False, **options):
    output, threads = io.StringIO(), threading.active_count()
    console = Console(file=output, width=120, force_terminal=terminal)
    with WorkReport("name", 2, console=console, **options) as report:
        for work in ("first", "second [bold]"):
            report(work)
            assert threading.active_count() == threads  # none refreshes a display meanwhile
    return output.getvalue()


def test_a_terminal_gets_a_bar():
    output = output_of(terminal=True)
    assert "name: first" in output and "0/2" in output
    assert "name: second [bold]" in output and "1/2" in output


def test_elsewhere_a_line_now_and_then():
    assert output_of() == "name: first\n"
    assert output_of(seconds_between_lines=0.0) == "name: first\nname: second [bold]\n"


def test_quiet_is_quiet():
    assert output_of(quiet=True) == output_of(quiet=True, terminal=True) == ""
