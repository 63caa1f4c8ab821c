"""Experiment 2: what does depth do to gradient descent, under l_2 and under l_4?

The paper's claim: under l_2 adding linear layers slows gradient descent down, under l_4 it speeds
it up. Depths 1 to 8, the whole grid of rates, the best rate of each; how many steps each needs to
reach a target, against depth 1.

The factors start balanced by default. With every factor near zero, N(0, 0.01^2), a product of N of
them starts at 0.01^N and leaves the saddle at zero after a time that grows as 0.01^(2-N): beyond
depth 3 that is longer than any run.

    python -m experiments.depth_compare
"""
