"""Run the experiment from the command line."""

from experiments.emulated_update.experiment import EXPERIMENT

EXPERIMENT.main()
