"""Experiment 1: does one kernel, moved by the end-to-end rule, train like a product of N factors?

Theorem 1 says so in the limit of small rates: gradient descent on balanced factors moves their
product by

    K <- (1 - eta lambda N) K - eta sum_j [K K^T]^((j-1)/N) G [K^T K]^((N-j)/N)   + O(eta^2),

whatever the widths. Here real factors and the rule start from the same product and advance in lock
step on one pass over the data. If the theorem holds, their loss curves differ in proportion to the
rate, and not with the width.

With `--preset uva`, the 2019 course team's setting (every factor N(0, 0.01^2)), the curves of real
factors stand beside those of three rules: Theorem 1, which needs balance; the same with the
differences that gradient flow conserves, which does not; and the exact step, which needs no small
rate either.

    python -m experiments.emulated_update
"""
