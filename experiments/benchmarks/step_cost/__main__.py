"""Run the benchmark from the command line."""

from experiments.benchmarks.step_cost.experiment import EXPERIMENT

EXPERIMENT.main()
