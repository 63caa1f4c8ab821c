"""The log-cost benchmark on made-up seconds in place of measured ones."""

from __future__ import annotations

import functools

from experiments.benchmarks.log_cost import experiment as log_cost
from experiments.benchmarks.log_cost.experiment import RUN, Config
from experiments.harness.command_line import Experiment


def with_made_up_costs() -> Experiment:
    """Return the experiment in which checkpoints take a tenth of every run."""

    def made_up(options: Config, name: str) -> dict[str, tuple[float, float]]:
        return {RUN: (90.0, 90.0), "checkpoints": (10.0, 10.0)}

    run = functools.partial(log_cost.run, measure=made_up, display_share=lambda: 0.01)
    return Experiment("log_cost", Config, run, log_cost.draw)
