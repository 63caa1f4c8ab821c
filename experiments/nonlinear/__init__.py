"""Does depth accelerate non-linear nets, beyond one run of one net?

Beyond the paper, which shows one convnet at one rate. Five small nets (the paper's convnet, an MLP,
a ResNet, a vision transformer, a character transformer) train plain and with their kernels as
products of two and three factors: from the same function, on the same batches, under four
optimizers, each at its own best rate, without a penalty and with one on the products or on every
factor. Ratios of steps carry bootstrap intervals over seeds.

    python -m experiments.nonlinear

The instrument is `overparam_tf.compare_depths`, which takes any Keras model.
"""
