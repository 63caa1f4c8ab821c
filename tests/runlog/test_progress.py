from __future__ import annotations

import io

from rich.console import Console

from overparam_tf.runlog import ProgressReport
from overparam_tf.runlog.progress import best_loss
from overparam_tf.sweep import Progress


def shown(quiet=False, **console):
    stream = io.StringIO()
    with ProgressReport("sweep", quiet, Console(file=stream, width=160, quiet=quiet, **console)) as report:
        report(Progress(500, 1000, 2.0, {"GD": 0.5, "Adam": 0.25}, 500))
        report(Progress(1000, 1000, 4.0, {"GD": float("nan"), "Adam": float("nan")}, 1000))
    return stream.getvalue()


def test_plain_lines_without_a_terminal():
    assert shown() == "sweep: 1,000/1,000 steps, 250/s, every run has diverged, 0 s left\n"


def test_a_bar_on_a_terminal():
    assert "1,000/1,000 steps, 250/s, every run has diverged" in shown(force_terminal=True)


def test_the_best_variant_is_named():
    assert best_loss({"GD": 0.5, "Adam": 0.25, "wild": float("nan")}) == "best 0.25 (Adam)"


def test_quiet_is_quiet():
    assert shown(quiet=True) == ""
