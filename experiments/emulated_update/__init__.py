"""Experiment 1: does one kernel, moved by the end-to-end rule, train like a product of N factors?

Theorem 1 says so in the limit of small rates: gradient descent on balanced factors moves their
product by

    K <- (1 - eta lambda N) K - eta sum_j [K K^T]^((j-1)/N) G [K^T K]^((N-j)/N)   + O(eta^2),

whatever the widths. Here real factors and the rule start from the same product and advance in lock
step on one pass over the data. If the theorem holds, their loss curves differ in proportion to the
rate, and not with the width.

    python -m experiments.emulated_update
"""
