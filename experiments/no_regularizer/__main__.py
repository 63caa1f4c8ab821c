"""Run the experiment from the command line."""

from experiments.harness.command_line import run_program
from experiments.no_regularizer.config import Config

run_program("no_regularizer", Config, "experiments.no_regularizer.experiment")
