"""Run the experiment from the command line."""

import os

from experiments.harness.command_line import run_program
from experiments.mnist_cnn.config import Config

# oneDNN has the faster convolutions, and TensorFlow asks it on some processors only: on an AMD EPYC
# a step of the plain net takes 66 in place of 130 ms. TensorFlow reads this when it is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
run_program("mnist_cnn", Config, "experiments.mnist_cnn.experiment")
