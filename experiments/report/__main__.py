"""Run the report from the command line."""

from experiments.report.command import main

main()
