from __future__ import annotations

import io

import pytest
from rich.console import Console

from overparam_tf.runlog import ProgressReport
from overparam_tf.runlog.progress import best_variant
from overparam_tf.sweep import Progress

NAN = float("nan")


def shown(quiet=False, width=160, **console):
    stream = io.StringIO()
    with ProgressReport(
        "sweep", quiet, Console(file=stream, width=width, quiet=quiet, **console)
    ) as report:
        report(
            Progress(100, 1000, 9.0, {"GD": 0.75, "Adam": 0.5}, 100)
        )  # most of the nine seconds went to compiling
        report(Progress(500, 1000, 11.0, {"GD": 0.5, "Adam": 0.25}, 500))
        report(Progress(1000, 1000, 13.5, {"GD": 0.125, "Adam": NAN}, 1000))
    return stream.getvalue()


def test_plain_lines_without_a_terminal():
    assert shown() == "sweep: 1,000/1,000 steps, 200/s, 0 s left; GD 0.125, Adam diverged\n"


@pytest.mark.parametrize("width", [60, 160])
def test_a_bar_and_every_variants_loss_on_a_terminal(width):
    text = shown(width=width, force_terminal=True)
    assert "1,000/1,000 steps, 200/s" in text and "GD  0.125" in text and "Adam  diverged" in text


def test_the_rate_counts_from_the_first_report():
    stream = io.StringIO()
    with ProgressReport("sweep", console=Console(file=stream)) as report:
        report(Progress(10, 10, 4.0, {"GD": 1.0}, 10))
    assert stream.getvalue() == "sweep: 10/10 steps; GD 1\n"


@pytest.mark.parametrize(
    ("losses", "best"),
    [({"GD": 0.5, "Adam": 0.25, "wild": NAN}, "Adam"), ({"GD": NAN}, None), ({}, None)],
)
def test_the_best_variant(losses, best):
    assert best_variant(losses) == best


def test_quiet_is_quiet():
    assert shown(quiet=True) == ""
