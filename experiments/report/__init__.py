"""One page of all results, read from the newest run of each experiment.

It shows the figures, the tables, and the claims of the paper with their verdicts.

    python -m experiments.report

The page is LOGDIR/report.html; it needs neither the network nor the run folders.
"""
