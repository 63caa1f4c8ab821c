"""Regression problems to train on: the gas sensor data, its synthetic stand-in, generated ones, checked downloads."""

from overparam_tf.datasets.preprocessing import PREPROCESSINGS, preprocess
from overparam_tf.datasets.problem import Problem
from overparam_tf.datasets.sources import load
from overparam_tf.datasets.synthetic import synthetic_gas
from overparam_tf.datasets.synthetic_regression import measure_regression, synthetic_regression

__all__ = [
    "PREPROCESSINGS",
    "Problem",
    "load",
    "measure_regression",
    "preprocess",
    "synthetic_gas",
    "synthetic_regression",
]
