"""Run the experiment from the command line."""

from experiments.harness.command_line import run_program
from experiments.minimal.config import Config

run_program("minimal", Config, "experiments.minimal.experiment")
