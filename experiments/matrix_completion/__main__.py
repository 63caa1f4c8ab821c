"""Run the experiment from the command line."""

from experiments.harness.command_line import run_program
from experiments.matrix_completion.config import Config

run_program("matrix_completion", Config, "experiments.matrix_completion.experiment")
