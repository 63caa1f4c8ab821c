"""Run the benchmark from the command line."""

from experiments.benchmarks.log_cost.config import Config
from experiments.harness.command_line import run_program

run_program("log_cost", Config, "experiments.benchmarks.log_cost.experiment")
