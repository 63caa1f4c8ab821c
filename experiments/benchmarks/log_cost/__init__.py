"""What does it cost to keep a record of a run? Logging and checkpoints as shares of the run's time.

`optimizer_compare` and `mnist_cnn` run in their default settings, on stand-ins of the data's size,
while everything that logs and saves is timed, by the clock and by the processor's time, which other
work on the machine does not lengthen. Logging is progress reports, curves, result files and
TensorBoard's files. The time of drawing figures is reported, but is no part of the run's time. A
live display works in a separate thread: its processor time is measured by itself, and added.

    python -m experiments.benchmarks.log_cost
"""
