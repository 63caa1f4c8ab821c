"""Run the experiment from the command line."""

from experiments.late_divergence.experiment import EXPERIMENT

EXPERIMENT.main()
