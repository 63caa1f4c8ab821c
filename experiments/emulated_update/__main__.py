"""Run the experiment from the command line."""

from experiments.emulated_update.config import Config
from experiments.harness.command_line import run_program

run_program("emulated_update", Config, "experiments.emulated_update.experiment")
