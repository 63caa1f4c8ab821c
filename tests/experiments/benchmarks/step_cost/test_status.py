"""The status of a measurement: its kinds, and their words in tables."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.benchmarks.step_cost.status import BLEW_UP, MEASURED, Status, is_measured
from experiments.benchmarks.step_cost.worker_process import WorkerError


@pytest.mark.parametrize(
    ("error", "status"),
    [("ModuleNotFoundError: No module named 'jax'", "missing: jax"), ("Killed", "failed: Killed")],
)
def test_missing_is_told_from_failed(error, status):
    assert str(Status.from_error(WorkerError(error))) == status


def test_words_in_tables():
    assert (str(MEASURED), str(BLEW_UP)) == ("measured", "blew up")
    table = pd.DataFrame({"status": ["measured", "blew up", "failed: measured"]})
    assert is_measured(table).tolist() == [True, False, False]
