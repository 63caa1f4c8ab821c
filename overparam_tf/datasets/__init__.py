"""Data to train on: measured gas sensor data and MNIST, their stand-ins, generated regressions."""

from overparam_tf.datasets.digits import Digits
from overparam_tf.datasets.font_digits import synthetic_digits
from overparam_tf.datasets.gas import load
from overparam_tf.datasets.gas_stand_in import synthetic_gas
from overparam_tf.datasets.low_rank import low_rank_matrix, matrix_completion, matrix_sensing
from overparam_tf.datasets.mnist import load_mnist
from overparam_tf.datasets.preprocessing import PREPROCESSINGS, preprocess
from overparam_tf.datasets.problem import Problem
from overparam_tf.datasets.regression import measure_regression, synthetic_regression
from overparam_tf.datasets.sensing import SensingProblem
from overparam_tf.datasets.variation import check_variation

__all__ = [
    "PREPROCESSINGS",
    "Digits",
    "Problem",
    "SensingProblem",
    "check_variation",
    "load",
    "load_mnist",
    "low_rank_matrix",
    "matrix_completion",
    "matrix_sensing",
    "measure_regression",
    "preprocess",
    "synthetic_digits",
    "synthetic_gas",
    "synthetic_regression",
]
