"""Arguments of the monitor: every bad value is refused in one line."""

from __future__ import annotations

import pytest

from overparam_tf.callbacks import EndToEndMonitor, effective_rank
from tests.arguments import refusals


def on_step(step):
    EndToEndMonitor().on_step(step)


TABLE = {
    EndToEndMonitor: (
        {},
        {
            "every": refusals.POSITIVE,
            "layers": (refusals.NAN, refusals.INFINITE, [None], [3], True, -1),
            "top": refusals.POSITIVE,
            "max_exact": refusals.POSITIVE,
            "log_dir": refusals.PATH[1:],
            "optimizer": (refusals.NAN, "sgd", [1], True, -1),
            "seed": refusals.WHOLE,
        },
    ),
    on_step: ({}, {"step": refusals.WHOLE}),
    effective_rank: ({}, {"values": refusals.ARRAY}),
}


@pytest.mark.parametrize(("function", "arguments", "name"), refusals.cases(TABLE))
def test_bad_values_are_refused(function, arguments, name):
    refusals.assert_refused(function, arguments, name)


def test_a_monitor_without_a_model_says_so():
    monitor = EndToEndMonitor()
    refusals.assert_refused(monitor.on_train_begin, {}, "model")
