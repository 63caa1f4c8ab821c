"""Run the experiment from the command line."""

from experiments.nonlinear.experiment import EXPERIMENT

EXPERIMENT.main()
