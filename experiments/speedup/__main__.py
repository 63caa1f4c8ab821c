"""Run the experiment from the command line."""

from experiments.harness.command_line import run_program
from experiments.speedup.config import Config

run_program("speedup", Config, "experiments.speedup.experiment")
