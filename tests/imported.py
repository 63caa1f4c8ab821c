"""The imports that the processes of `tests.processes` share: nothing of TensorFlow may run yet."""

import importlib

for name in (
    "matplotlib.pyplot",
    "pandas",
    "tensorflow",
    "experiments.mnist_cnn.experiment",
    "experiments.optimizer_compare.experiment",
    "overparam_tf.distributed",
):
    importlib.import_module(name)
