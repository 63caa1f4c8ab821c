"""One page of all results: figures, tables, claims of the paper with verdicts, from the newest run of each experiment.

    python -m experiments.report

It writes LOGDIR/report.html, which needs neither the network nor the run folders.
"""
