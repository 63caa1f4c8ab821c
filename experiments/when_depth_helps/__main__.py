"""Run the experiment from the command line."""

from experiments.harness.command_line import run_program
from experiments.when_depth_helps.config import Config

run_program("when_depth_helps", Config, "experiments.when_depth_helps.experiment")
