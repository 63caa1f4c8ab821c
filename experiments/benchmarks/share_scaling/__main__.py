"""Run the benchmark from the command line."""

from experiments.benchmarks.share_scaling.config import Config
from experiments.harness.command_line import run_program

run_program(
    "share_scaling", Config, "experiments.benchmarks.share_scaling.simulation", start="run_with"
)
