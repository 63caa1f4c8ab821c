"""Run the experiment from the command line."""

from experiments.speedup.experiment import EXPERIMENT

EXPERIMENT.main()
