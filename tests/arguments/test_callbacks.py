"""Arguments of the monitor: every bad value is refused in one line."""

from __future__ import annotations

import pytest

from overparam_tf.callbacks import EndToEndMonitor, effective_rank
from tests.arguments import bad_values
from tests.arguments.bad_values import ARRAY, PATH, POSITIVE, WHOLE, Argument, Kind, arguments_of

ARGUMENTS = {
    **arguments_of(
        EndToEndMonitor,
        {},
        every=POSITIVE,
        layers=Kind(("None", "a text"), ([3],)),
        top=POSITIVE,
        max_exact=POSITIVE,
        log_dir=Kind(("None", *PATH.accepted), PATH.more),
        optimizer=Kind(("None",), ("sgd", [1])),
        seed=WHOLE,
    ),
    "on_step.step": Argument(lambda step: EndToEndMonitor().on_step(step), *WHOLE),
    **arguments_of(effective_rank, {}, values=ARRAY),
}


@pytest.mark.parametrize(("name", "value"), bad_values.cases(ARGUMENTS))
def test_bad_values_are_refused(name, value):
    bad_values.assert_refused(ARGUMENTS, name, value)
