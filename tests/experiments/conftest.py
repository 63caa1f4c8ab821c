"""Runs of the experiments that several tests share."""

from __future__ import annotations

import functools
import os

import pytest

from tests.experiments import finished_runs


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """Return a function from an experiment's name to its finished run, which no test may change."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # the folder that all workers have in common
    shared = shared / "finished-runs"
    shared.mkdir(exist_ok=True)
    return functools.partial(finished_runs.finished_run, shared=shared)


@pytest.fixture
def copy_of_run(finished_run, tmp_path):
    """Return a function from an experiment's name to a copy of its finished run."""
    return lambda name: finished_runs.copy_of_run(finished_run(name), tmp_path)
