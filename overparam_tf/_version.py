"""The package's version, in its own module so that a build reads it without TensorFlow."""

__version__ = "0.2.0"
