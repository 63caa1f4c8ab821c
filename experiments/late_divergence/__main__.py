"""Run the experiment from the command line."""

from experiments.harness.command_line import run_program
from experiments.late_divergence.config import Config

run_program("late_divergence", Config, "experiments.late_divergence.experiment")
