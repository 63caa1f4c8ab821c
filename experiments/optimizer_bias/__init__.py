"""Which optimizer keeps the low-rank bias of a product of matrices, and does depth restore it?

Three claims of 2026 contradict one another: that Muon loses the bias (arXiv 2603.00742), that Adam
recovers low rank while RMSprop overshoots (OpenReview aLhQNH4k7C), and that methods which take the
sign of the gradient lose it. Here each optimizer trains products of two and of three factors on the
same matrix completion and sensing problems, from the same small multiple of the identity, to the
same training loss, at every rate of a grid. The error on what was held out and the effective rank
then say what it has chosen among the many products that fit.

Muon and Adafactor mix the entries of a matrix: their runs are updated one by one, which is slower.

    python -m experiments.optimizer_bias
"""
