"""Run the experiment from the command line."""

from experiments.mnist_cnn.experiment import EXPERIMENT

EXPERIMENT.main()
