"""Linear layers as products of matrices: implicit acceleration by overparameterization, for Keras."""

from overparam_tf._version import __version__
