"""Run the benchmark from the command line."""

from experiments.benchmarks.loop_cost.config import Config
from experiments.harness.command_line import run_program

run_program("loop_cost", Config, "experiments.benchmarks.loop_cost.experiment")
