"""TensorBoard on the newest run of each experiment, with addresses that open the right charts.

    python -m experiments.board

It serves on localhost only, until Ctrl-C. Runs that finish while it serves appear too.
"""
