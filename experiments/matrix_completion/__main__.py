"""Run the experiment from the command line."""

from experiments.matrix_completion.experiment import EXPERIMENT

EXPERIMENT.main()
