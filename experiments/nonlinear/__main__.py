"""Run the experiment from the command line."""

from experiments.harness.command_line import run_program
from experiments.nonlinear.config import Config

run_program("nonlinear", Config, "experiments.nonlinear.experiment")
