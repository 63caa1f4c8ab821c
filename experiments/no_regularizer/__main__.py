"""Run the experiment from the command line."""

from experiments.no_regularizer.experiment import EXPERIMENT

EXPERIMENT.main()
