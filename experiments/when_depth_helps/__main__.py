"""Run the experiment from the command line."""

from experiments.when_depth_helps.experiment import EXPERIMENT

EXPERIMENT.main()
