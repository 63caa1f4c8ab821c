"""Run the benchmark from the command line."""

from experiments.benchmarks.step_cost.config import Config
from experiments.harness.command_line import run_program

run_program("step_cost", Config, "experiments.benchmarks.step_cost.experiment")
