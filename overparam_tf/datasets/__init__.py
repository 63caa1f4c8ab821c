"""Data to train on: gas sensor data, MNIST, synthetic stand-ins for both, checked downloads."""

from overparam_tf.datasets.digits import Digits
from overparam_tf.datasets.font_digits import synthetic_digits
from overparam_tf.datasets.mnist import load_mnist
from overparam_tf.datasets.preprocessing import PREPROCESSINGS, preprocess
from overparam_tf.datasets.problem import Problem
from overparam_tf.datasets.sources import load
from overparam_tf.datasets.synthetic import synthetic_gas

__all__ = [
    "PREPROCESSINGS",
    "Digits",
    "Problem",
    "load",
    "load_mnist",
    "preprocess",
    "synthetic_digits",
    "synthetic_gas",
]
