"""Run the experiment from the command line."""

from experiments.harness.command_line import run_program
from experiments.mnist_cnn.config import Config

run_program("mnist_cnn", Config, "experiments.mnist_cnn.experiment")
