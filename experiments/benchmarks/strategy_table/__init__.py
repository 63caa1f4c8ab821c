"""What works where? Our loop, a sweep and Keras's `fit` under every strategy, with and without XLA.

A small smooth CNN with momentum and an L2 penalty takes 100 steps on global batches of 32, 1 to 50
steps a call. Each cell of the table holds the largest relative deviation of the epochs' losses from
the losses of `fit` on one device, one step an execution, no XLA; and the time of a step. The lines
after the table are of sweeps of 100 steps: the largest deviation of any step's loss from that on
one CPU.

Every strategy runs in separate processes; devices are logical CPUs, workers are processes on this
machine. Results are printed, and leave no run folder.

    python -m experiments.benchmarks.strategy_table
"""
