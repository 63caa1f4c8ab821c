"""Experiment 3: can depth alone beat optimizers that were made for acceleration?

Part 1 trains a linear predictor under the l_4 loss with gradient descent (depth 1, 2, 3), AdaGrad
and AdaDelta, each over the whole grid of learning rates. Part 2 asks whether Adam gains from depth
too.

    python -m experiments.optimizer_compare
"""
