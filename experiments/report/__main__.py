"""Run the command from the command line."""

from experiments.report.command import main

main()
