"""Run the experiment from the command line."""

from experiments.harness.command_line import run_program
from experiments.optimizer_compare.config import Config

run_program("optimizer_compare", Config, "experiments.optimizer_compare.experiment")
