"""The paper's convnet on MNIST: does a product of two matrices train faster, and in what?

Experiment 4. The net of the TensorFlow tutorial, plain and with its two fully connected layers as
products, trains from the same seeds on the same batches. The loss is cross-entropy plus an L2
penalty on those layers, and the two are logged apart: the penalty on a product is another objective
than the penalty on its factors, and begins larger than the cross-entropy.

    python -m experiments.mnist_cnn

With `--strategy multiworker` on every machine that `TF_CONFIG` names (see
`help(overparam_tf.distributed)`), all train together on one log folder; the first of them alone
writes and draws.
"""
