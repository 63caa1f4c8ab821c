"""Run the experiment from the command line."""

from experiments.optimizer_bias.experiment import EXPERIMENT

EXPERIMENT.main()
