"""Run the experiment from the command line."""

from experiments.plateau.experiment import EXPERIMENT

EXPERIMENT.main()
