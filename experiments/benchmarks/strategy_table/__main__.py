"""Run the comparison from the command line."""

from experiments.benchmarks.strategy_table.command import main

main()
