"""Run the benchmark from the command line."""

from experiments.benchmarks.layer_cost.config import Config
from experiments.harness.command_line import run_program

run_program("layer_cost", Config, "experiments.benchmarks.layer_cost.experiment")
