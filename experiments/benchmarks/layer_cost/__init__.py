"""What does a factorised layer cost, against the plain layer and against itself collapsed?

Two factors can meet a batch in two orders: one after the other ("chain"), or as their product
("kernel"). `contraction="auto"` chooses by multiply-adds. Part "dense" times a training step in
either order, as "auto" and of `Dense`, over sizes and batches, and a call of the collapsed layer.
Part "models" times `fit` and inference for the layers of the paper's convolutional network and of a
small transformer block. Parameters and multiply-adds are counted beside the times.

Layers that are compared are measured in turns (`experiments.benchmarks.timing`), so ratios hold on
a machine that is not quiet; times alone may not.

    python -m experiments.benchmarks.layer_cost
"""
