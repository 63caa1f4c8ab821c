"""The main job: what it is, the extrapolation, and its row."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd

from experiments.benchmarks.step_cost.job import (
    FIT,
    JOB,
    OURS,
    VMAP,
    extrapolated,
    job_claim,
    job_table,
    measure_job,
)
from experiments.benchmarks.step_cost.worker_process import Launcher
from experiments.optimizer_compare.config import Config
from overparam_tf import Problem
from tests.experiments.benchmarks.step_cost.fake_workers import fake_command

PROGRESS = {"parts": [{"steps": 600_000, "progress": [[10, 3.0], [30_000, 9.0], [60_000, 15.0]]}]}


def test_the_job_is_the_default_comparison():
    stacks = [
        (variant.optimizer_name.lower(), variant.depth, len(variant.runs), steps)
        for variants, steps in Config().parts().values()
        for variant in variants
    ]
    assert stacks == [tuple(stack) for stack in JOB]


def test_the_rest_is_taken_at_the_last_speed():
    assert extrapolated([(1, 9.0), (40, 10.0), (100, 13.0)], 1000) == 13 + 900 * 3 / 60
    assert extrapolated([(100, 5.0)], 1000) == 50.0


def test_a_row_for_each_contestant():
    def command(name):
        printing = [sys.executable, "-c", f"print({json.dumps(json.dumps(PROGRESS))})"]
        return printing if name == "job" else fake_command(name)

    x = np.ones((4, 2))
    problem = Problem("toy", x, x[:, :1], "made here", "none", synthetic=True)
    launcher = Launcher(timeout=60, command=command, pause=0.0)
    job = pd.DataFrame(measure_job(problem, 0.1, 0.002, launcher)).set_index("contestant")
    assert job["seconds"][OURS] == 15 + 540_000 * 6 / 30_000
    assert job["status"][VMAP] == "missing: jax"
    assert np.isclose(job["seconds"][FIT], 1e-3 * (50 * 600_000 + 3 * 60_000))
    table = job_table(job.reset_index()).set_index("contestant")
    assert table["rest"][OURS] == "extrapolated" and table[f"/ {OURS}"][OURS] == 1
    claim = job_claim(job.reset_index())
    assert claim.held is True and "extrapolated" in claim.numbers
