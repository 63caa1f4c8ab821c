"""Run the experiment from the command line."""

from experiments.harness.command_line import run_program
from experiments.plateau.config import Config

run_program("plateau", Config, "experiments.plateau.experiment")
