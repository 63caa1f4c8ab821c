"""Run the experiment from the command line."""

from experiments.harness.command_line import run_program
from experiments.optimizer_bias.config import Config

run_program("optimizer_bias", Config, "experiments.optimizer_bias.experiment")
