"""What does our training loop cost? A step of `overparam_tf.train` against one of Keras `fit`.

The two train copies of the MNIST convnet on the same images, in turns of as many steps as a call of
our loop takes. Ratios are taken between neighbouring turns, so that whatever slows the machine
down for a while slows both.

    python -m experiments.benchmarks.loop_cost
"""
