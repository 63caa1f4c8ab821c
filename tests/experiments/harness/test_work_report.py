"""Progress of work in pieces: a bar on a terminal, elsewhere lines, nothing if quiet."""

from __future__ import annotations

import io
import threading

from rich.console import Console

from experiments.harness.work_report import WorkReport


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
    assert output_of() == "name: first (1 of 2)\n"
    expected = "name: first (1 of 2)\nname: second [bold] (2 of 2)\n"
    assert output_of(seconds_between_lines=0.0) == expected


def test_quiet_is_quiet():
    assert output_of(quiet=True) == output_of(quiet=True, terminal=True) == ""
