"""Regression problems to train on: the gas sensor data, its synthetic stand-in, checked downloads."""

from overparam_tf.datasets.preprocessing import PREPROCESSINGS, preprocess
from overparam_tf.datasets.problem import Problem
from overparam_tf.datasets.sources import load
from overparam_tf.datasets.synthetic import synthetic_gas

__all__ = ["PREPROCESSINGS", "Problem", "load", "preprocess", "synthetic_gas"]
