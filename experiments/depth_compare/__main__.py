"""Run the experiment from the command line."""

from experiments.depth_compare.config import Config
from experiments.harness.command_line import run_program

run_program("depth_compare", Config, "experiments.depth_compare.experiment")
