"""Run the benchmark from the command line."""

from experiments.benchmarks.layer_cost.experiment import EXPERIMENT

EXPERIMENT.main()
